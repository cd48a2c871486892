//! H.264 to pictures by `OpenH264`, through its C interface as the encoder is used.

#![expect(
    unsafe_code,
    reason = "OpenH264 has a C interface; every call is argued below"
)]

use std::ptr;

use openh264_sys2 as sys;
use sys::API as _;

use crate::color::{Planes, rgb_of};

/// Largest picture that is decoded, in pixels: what the encoder writes at most.
const MAX_PIXELS: usize = 3840 * 2160;

/// One decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// `[height, width, 3]`.
    pub(crate) rgb: Vec<u8>,
}

/// One H.264 stream being read.
pub(crate) struct Decoder {
    raw: *mut sys::ISVCDecoder,
}

// SAFETY: the decoder is used by whoever owns it, one call at a time, and keeps no thread-local
// state.
unsafe impl Send for Decoder {}

impl Decoder {
    /// Prepares a decoder that conceals nothing: a damaged stream is an error.
    pub(crate) fn new() -> Result<Self, String> {
        let mut raw = ptr::null_mut();
        // SAFETY: the call stores a decoder, or leaves the null pointer and says so.
        let code = unsafe { sys::source::APILoader.WelsCreateDecoder(&raw mut raw) };
        if code != 0 || raw.is_null() {
            return Err(format!("no decoder can be made (code {code})"));
        }
        let decoder = Self { raw };
        let parameters = sys::SDecodingParam {
            eEcActiveIdc: sys::ERROR_CON_DISABLE,
            sVideoProperty: sys::SVideoProperty {
                eVideoBsType: sys::VIDEO_BITSTREAM_AVC,
                ..Default::default()
            },
            ..Default::default()
        };
        // SAFETY: `raw` is a decoder; the parameters are read during the call only.
        let code = unsafe {
            let initialize = (**raw).Initialize.ok_or("no way to initialise it")?;
            initialize(raw, &raw const parameters)
        };
        if code == 0 {
            Ok(decoder)
        } else {
            Err(format!("the decoder cannot be prepared (code {code})"))
        }
    }

    /// Decodes the units of one picture, each behind a start code. The picture that is due for
    /// showing may be an earlier one, or none yet.
    pub(crate) fn decode(&mut self, units: &[u8]) -> Result<Option<Decoded>, String> {
        let length = i32::try_from(units.len()).map_err(|_| "a picture is too large")?;
        // SAFETY: `units` outlives the call and has `length` bytes.
        self.call(|raw, planes, info| unsafe {
            let decode = (**raw).DecodeFrameNoDelay?;
            Some(decode(raw, units.as_ptr(), length, planes, info))
        })
    }

    /// The next of the pictures that were held back for their order.
    pub(crate) fn flush(&mut self) -> Result<Option<Decoded>, String> {
        // SAFETY: `call` gives a live decoder and room for what it tells.
        self.call(|raw, planes, info| unsafe {
            let flush = (**raw).FlushFrame?;
            Some(flush(raw, planes, info))
        })
    }

    fn call(
        &mut self,
        call: impl FnOnce(
            *mut sys::ISVCDecoder,
            *mut *mut u8,
            *mut sys::SBufferInfo,
        ) -> Option<sys::DECODING_STATE>,
    ) -> Result<Option<Decoded>, String> {
        let mut planes = [ptr::null_mut::<u8>(); 3];
        let mut info = sys::SBufferInfo::default();
        let state = call(self.raw, planes.as_mut_ptr(), &raw mut info)
            .ok_or("the decoder lacks a function")?;
        if state != sys::dsErrorFree {
            return Err(format!("a picture cannot be decoded (code {state})"));
        }
        if info.iBufferStatus != 1 {
            return Ok(None);
        }
        // SAFETY: the status says that the decoder filled in the description of a picture.
        let memory = unsafe { info.UsrData.sSystemBuffer };
        let (width, height) = (
            memory.iWidth.max(0) as usize,
            memory.iHeight.max(0) as usize,
        );
        let strides = memory.iStride.map(|stride| stride.max(0) as usize);
        let is_sound = width > 0
            && height > 0
            && width.saturating_mul(height) <= MAX_PIXELS
            && strides[0] >= width
            && strides[1] >= width.div_ceil(2)
            && planes.iter().all(|plane| !plane.is_null());
        if !is_sound {
            return Err(format!("pictures of {width}x{height} are not read"));
        }
        let plane = |index: usize, rows: usize| {
            let stride = strides[usize::from(index > 0)];
            let across = if index > 0 { width.div_ceil(2) } else { width };
            // SAFETY: a decoded plane has `rows` rows `stride` apart, the last at least `across`
            // long, until the next call; the slice does not outlive this function.
            unsafe { std::slice::from_raw_parts(planes[index], stride * (rows - 1) + across) }
        };
        let rows = height.div_ceil(2);
        let rgb = rgb_of(&Planes {
            width,
            height,
            y: plane(0, height),
            u: plane(1, rows),
            v: plane(2, rows),
            strides,
        });
        Ok(Some(Decoded {
            width: width as u32,
            height: height as u32,
            rgb,
        }))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from WelsCreateDecoder and is destroyed once; uninitialising a
        // decoder whose initialisation failed is allowed.
        unsafe {
            if let Some(uninitialize) = (**self.raw).Uninitialize {
                uninitialize(self.raw);
            }
            sys::source::APILoader.WelsDestroyDecoder(self.raw);
        }
    }
}
