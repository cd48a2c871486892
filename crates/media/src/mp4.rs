//! The MP4 file around the H.264 samples: `ftyp moov mdat`, in this order, one video track.
//!
//! Boxes by ISO/IEC 14496-12 (file format) and 14496-15 (`avc1`).

use std::num::NonZeroU32;

use shiguredo_mp4::boxes::{
    Avc1Box, AvccBox, Brand, FtypBox, MdatBox, MoovBox, SampleEntry, StcoBox, UnknownBox,
    VisualSampleEntryFields,
};
use shiguredo_mp4::mux::{Mp4FileMuxer, MuxError, Sample};
use shiguredo_mp4::{BoxHeader, BoxSize, BoxType, Either, Encode, TrackKind, Uint};

use crate::error::{MediaError, Result};
use crate::h264::ParameterSets;
use crate::settings::VideoSettings;
use crate::tags;

/// Ticks of the track's clock a frame lasts: editors dislike clocks as coarse as the frame rate.
const TICKS_PER_FRAME: u32 = 1000;

/// One encoded frame's place in the order of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameInfo {
    pub(crate) bytes: usize,
    pub(crate) keyframe: bool,
}

/// The bytes in front of the samples: `ftyp`, `moov` and the header of `mdat`.
///
/// The samples follow directly, in the order of `frames`. The result depends on nothing but the
/// arguments: no clock, no path, no random number.
pub(crate) fn head(
    settings: &VideoSettings,
    sets: &ParameterSets,
    frames: &[FrameInfo],
) -> Result<Vec<u8>> {
    let mut moov = movie(settings, sets, frames)?;
    moov.unknown_boxes.push(tags::user_data(&settings.tags));
    let sample_bytes: u64 = frames.iter().map(|frame| frame.bytes as u64).sum();

    let mut head = FtypBox {
        major_brand: Brand::ISOM,
        minor_version: 512,
        compatible_brands: vec![Brand::ISOM, Brand::ISO2, Brand::AVC1, Brand::MP41],
    }
    .encode_to_vec()
    .map_err(failure)?;
    let box_size = BoxSize::with_payload_size(MdatBox::TYPE, sample_bytes);
    let mdat = BoxHeader {
        box_type: MdatBox::TYPE,
        box_size,
    }
    .encode_to_vec()
    .map_err(failure)?;

    // The muxer assumed another layout. The place of the only chunk has the same width whatever
    // its value, so the size measured first is the size written.
    let moov_bytes = moov.encode_to_vec().map_err(failure)?.len();
    let start = u32::try_from(head.len() + moov_bytes + mdat.len()).map_err(failure)?;
    let table = &mut moov.trak_boxes[0].mdia_box.minf_box.stbl_box;
    table.stco_or_co64_box = Either::A(StcoBox {
        chunk_offsets: vec![start],
    });

    head.extend(moov.encode_to_vec().map_err(failure)?);
    head.extend(mdat);
    if head.len() == start as usize {
        Ok(head)
    } else {
        Err(MediaError::Mux {
            reason: "the size of moov changed while it was placed".into(),
        })
    }
}

/// The `moov` box without tags.
fn movie(settings: &VideoSettings, sets: &ParameterSets, frames: &[FrameInfo]) -> Result<MoovBox> {
    let timescale = NonZeroU32::new(settings.fps * TICKS_PER_FRAME)
        .ok_or(MediaError::UnsupportedFrameRate { fps: settings.fps })?;
    let mut muxer = Mp4FileMuxer::new().map_err(|error| mux_failure(&error))?;
    let mut data_offset = muxer.initial_boxes_bytes().len() as u64;
    for (index, frame) in frames.iter().enumerate() {
        let first = index == 0;
        let sample_entry = if first {
            Some(sample_entry(settings, sets)?)
        } else {
            None
        };
        let sample = Sample {
            track_kind: TrackKind::Video,
            sample_entry,
            keyframe: frame.keyframe,
            timescale,
            duration: TICKS_PER_FRAME,
            composition_time_offset: None,
            data_offset,
            data_size: frame.bytes,
        };
        muxer
            .append_sample(&sample)
            .map_err(|error| mux_failure(&error))?;
        data_offset += frame.bytes as u64;
    }
    let boxes = muxer.finalize().map_err(|error| mux_failure(&error))?;
    Ok(boxes.moov_box().clone())
}

fn sample_entry(settings: &VideoSettings, sets: &ParameterSets) -> Result<SampleEntry> {
    let &[_, profile, compatibility, level, ..] = sets.sequence.as_slice() else {
        return Err(MediaError::Mux {
            reason: "the sequence parameter set is too short".into(),
        });
    };
    let visual = VisualSampleEntryFields {
        data_reference_index: VisualSampleEntryFields::DEFAULT_DATA_REFERENCE_INDEX,
        width: u16::try_from(settings.width).map_err(failure)?,
        height: u16::try_from(settings.height).map_err(failure)?,
        horizresolution: VisualSampleEntryFields::DEFAULT_HORIZRESOLUTION,
        vertresolution: VisualSampleEntryFields::DEFAULT_VERTRESOLUTION,
        frame_count: VisualSampleEntryFields::DEFAULT_FRAME_COUNT,
        compressorname: VisualSampleEntryFields::NULL_COMPRESSORNAME,
        depth: VisualSampleEntryFields::DEFAULT_DEPTH,
    };
    let avcc_box = AvccBox {
        avc_profile_indication: profile,
        profile_compatibility: compatibility,
        avc_level_indication: level,
        length_size_minus_one: Uint::new(3),
        sps_list: vec![sets.sequence.clone()],
        pps_list: vec![sets.picture.clone()],
        chroma_format: Some(Uint::new(1)), // 4:2:0
        bit_depth_luma_minus8: Some(Uint::new(0)),
        bit_depth_chroma_minus8: Some(Uint::new(0)),
        sps_ext_list: Vec::new(),
    };
    let unknown_boxes = vec![colour_information()];
    Ok(SampleEntry::Avc1(Avc1Box {
        visual,
        avcc_box,
        unknown_boxes,
    }))
}

/// `colr nclx`: BT.709 primaries, transfer and matrix (1, 1, 1), limited range, as in the stream.
fn colour_information() -> UnknownBox {
    raw_box(
        *b"colr",
        [b"nclx".as_slice(), &[0, 1, 0, 1, 0, 1], &[0]].concat(),
    )
}

/// A box that the muxer has no type for.
pub(crate) fn raw_box(kind: [u8; 4], payload: Vec<u8>) -> UnknownBox {
    let box_type = BoxType::Normal(kind);
    let box_size = BoxSize::with_payload_size(box_type, payload.len() as u64);
    UnknownBox {
        box_type,
        box_size,
        payload,
    }
}

fn failure(error: impl std::fmt::Display) -> MediaError {
    MediaError::Mux {
        reason: error.to_string(),
    }
}

fn mux_failure(error: &MuxError) -> MediaError {
    failure(error)
}
