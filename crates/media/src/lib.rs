//! H.264 in MP4, stills and sprite sheets.
