//! H.264 by `OpenH264`: constant quantiser, high profile, CABAC, no B-frames.
//!
//! It is used through its C interface because the safe wrapper offers neither a constant
//! quantiser nor CABAC.

#![expect(
    unsafe_code,
    reason = "OpenH264 has a C interface; every call is argued below"
)]

use std::ffi::c_void;
use std::ptr;

use openh264_sys2 as sys;
use sys::API as _;

use crate::color::Yuv420;
use crate::error::{MediaError, Result};
use crate::settings::VideoSettings;

/// Pictures above this are cut into [`SLICES`] that threads may share.
const SINGLE_SLICE_PIXELS: u32 = 1280 * 720;
/// Fixed, never the number of processors: the bytes must not depend on the machine's size.
const SLICES: u32 = 4;

/// Two seconds between keyframes at most, so that editors seek quickly.
const KEYFRAME_SECONDS: u32 = 2;

const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;

/// One H.264 stream being written.
pub(crate) struct Encoder {
    raw: *mut sys::ISVCEncoder,
    fps: u32,
    frames: u32,
    parameters: Option<ParameterSets>,
}

/// The sequence and picture parameter sets: one of each for the whole stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ParameterSets {
    pub(crate) sequence: Vec<u8>,
    pub(crate) picture: Vec<u8>,
}

impl Encoder {
    /// Prepares an encoder for checked `settings`, using up to `threads` threads a frame.
    pub(crate) fn new(settings: &VideoSettings, threads: u16) -> Result<Self> {
        let mut raw = ptr::null_mut();
        // SAFETY: `raw` is a valid place for one pointer.
        let code = unsafe { sys::source::APILoader.WelsCreateSVCEncoder(&raw mut raw) };
        if code != 0 || raw.is_null() {
            return Err(failure("create", code));
        }
        // From here on `encoder` owns `raw`, so that every return frees it.
        let encoder = Self {
            raw,
            fps: settings.fps,
            frames: 0,
            parameters: None,
        };

        let mut quiet = sys::WELS_LOG_QUIET;
        // SAFETY: the option takes a pointer to an int, which lives for the call.
        let code = unsafe {
            entry((**raw).SetOption)?(
                raw,
                sys::ENCODER_OPTION_TRACE_LEVEL,
                (&raw mut quiet).cast::<c_void>(),
            )
        };
        check("set the log level", code)?;

        let mut parameters = sys::SEncParamExt::default();
        // SAFETY: `parameters` is a valid structure that the call fills in.
        let code = unsafe { entry((**raw).GetDefaultParams)?(raw, &raw mut parameters) };
        check("read the defaults", code)?;
        configure(&mut parameters, settings, threads);
        // SAFETY: `parameters` is fully set and only read during the call.
        let code = unsafe { entry((**raw).InitializeExt)?(raw, &raw const parameters) };
        check("initialise", code)?;
        Ok(encoder)
    }

    /// Encodes the next picture, appending its units to `data`, each behind a 32-bit length.
    ///
    /// Returns whether the picture is a keyframe.
    pub(crate) fn encode(&mut self, picture: &mut Yuv420, data: &mut Vec<u8>) -> Result<bool> {
        let (width, height) = (picture.width as i32, picture.height as i32);
        let source = sys::SSourcePicture {
            iColorFormat: sys::videoFormatI420,
            iStride: [width, width / 2, width / 2, 0],
            pData: [
                picture.y.as_mut_ptr(),
                picture.u.as_mut_ptr(),
                picture.v.as_mut_ptr(),
                ptr::null_mut(),
            ],
            iPicWidth: width,
            iPicHeight: height,
            uiTimeStamp: i64::from(self.frames) * 1000 / i64::from(self.fps),
            ..Default::default()
        };
        let mut output = sys::SFrameBSInfo::default();
        // SAFETY: `raw` is initialised; the planes outlive the call and have the stated strides
        // and sizes; `output` is filled in by the call.
        let code = unsafe {
            entry((**self.raw).EncodeFrame)?(self.raw, &raw const source, &raw mut output)
        };
        check("encode a frame", code)?;
        self.frames += 1;
        for unit in units(&output) {
            self.store(unit, data)?;
        }
        match output.eFrameType {
            sys::videoFrameTypeIDR => Ok(true),
            sys::videoFrameTypeI | sys::videoFrameTypeP => Ok(false),
            other => Err(failure("encode a frame: unexpected frame type", other)),
        }
    }

    /// The parameter sets, known after the first frame.
    pub(crate) fn parameters(&self) -> Option<&ParameterSets> {
        self.parameters.as_ref()
    }

    /// Sorts one unit: parameter sets go to the file's header, pictures into `data`.
    fn store(&mut self, unit: &[u8], data: &mut Vec<u8>) -> Result<()> {
        let kind = unit.first().map_or(0, |byte| byte & 31);
        if kind != NAL_SPS && kind != NAL_PPS {
            data.extend_from_slice(&(unit.len() as u32).to_be_bytes());
            data.extend_from_slice(unit);
            return Ok(());
        }
        let sets = self.parameters.get_or_insert_with(|| ParameterSets {
            sequence: Vec::new(),
            picture: Vec::new(),
        });
        let known = if kind == NAL_SPS {
            &mut sets.sequence
        } else {
            &mut sets.picture
        };
        if known.is_empty() {
            known.extend_from_slice(unit);
        }
        // The file's header holds one set for all frames, so a change could not be decoded.
        if known == unit {
            Ok(())
        } else {
            Err(failure("parameter sets changed", i32::from(kind)))
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: `raw` came from WelsCreateSVCEncoder and is destroyed once; uninitialising an
        // encoder whose initialisation failed is allowed.
        unsafe {
            if let Some(uninitialize) = (**self.raw).Uninitialize {
                uninitialize(self.raw);
            }
            sys::source::APILoader.WelsDestroySVCEncoder(self.raw);
        }
    }
}

/// The stream's parameters; everything not named keeps the encoder's default.
fn configure(parameters: &mut sys::SEncParamExt, settings: &VideoSettings, threads: u16) {
    let fps = settings.fps as f32;
    let (width, height) = (settings.width as i32, settings.height as i32);
    parameters.iUsageType = sys::CAMERA_VIDEO_REAL_TIME;
    parameters.iPicWidth = width;
    parameters.iPicHeight = height;
    parameters.fMaxFrameRate = fps;
    parameters.iRCMode = sys::RC_OFF_MODE;
    parameters.iComplexityMode = sys::HIGH_COMPLEXITY;
    parameters.uiIntraPeriod = KEYFRAME_SECONDS * settings.fps;
    // Other strategies renumber the sets at each keyframe, which an `avc1` file cannot follow.
    parameters.eSpsPpsIdStrategy = sys::CONSTANT_ID;
    parameters.iEntropyCodingModeFlag = 1; // CABAC
    parameters.bEnableFrameSkip = false;
    parameters.bEnableSceneChangeDetect = false;
    parameters.bEnableBackgroundDetection = false;
    parameters.bEnableAdaptiveQuant = false;
    parameters.bEnableDenoise = false;
    // Load balancing moves slice borders by measured time: never the same bytes twice.
    parameters.bUseLoadBalancing = false;
    parameters.iMultipleThreadIdc = threads.max(1);

    let layer = &mut parameters.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = fps;
    layer.uiProfileIdc = sys::PRO_HIGH;
    layer.iDLayerQp = settings.quality.quantiser();
    if settings.width * settings.height > SINGLE_SLICE_PIXELS {
        layer.sSliceArgument.uiSliceMode = sys::SM_FIXEDSLCNUM_SLICE;
        layer.sSliceArgument.uiSliceNum = SLICES;
        // Filter within slices only, as several threads must: one thread would filter across.
        parameters.iLoopFilterDisableIdc = 2;
    } else {
        layer.sSliceArgument.uiSliceMode = sys::SM_SINGLE_SLICE;
    }
    layer.bVideoSignalTypePresent = true;
    layer.uiVideoFormat = sys::VF_UNDEF as u8;
    layer.bFullRange = false;
    layer.bColorDescriptionPresent = true;
    layer.uiColorPrimaries = sys::CP_BT709 as u8;
    layer.uiTransferCharacteristics = sys::TRC_BT709 as u8;
    layer.uiColorMatrix = sys::CM_BT709 as u8;
}

/// The units of one encoded picture, without their start codes.
fn units(output: &sys::SFrameBSInfo) -> impl Iterator<Item = &[u8]> {
    let layers = output
        .sLayerInfo
        .iter()
        .take(output.iLayerNum.max(0) as usize);
    layers.flat_map(|layer| {
        let count = layer.iNalCount.max(0) as usize;
        let mut offset = 0;
        (0..count).map(move |index| {
            // SAFETY: OpenH264 promises `iNalCount` lengths, and that many units one behind the
            // other in `pBsBuf`, valid until the next call; `output` is not used after it.
            let unit = unsafe {
                let length = *layer.pNalLengthInByte.add(index) as usize;
                let unit = std::slice::from_raw_parts(layer.pBsBuf.add(offset), length);
                offset += length;
                unit
            };
            without_start_code(unit)
        })
    })
}

/// Drops `00 00 01` or `00 00 00 01` from the front.
fn without_start_code(unit: &[u8]) -> &[u8] {
    unit.strip_prefix(&[0, 0, 0, 1])
        .or_else(|| unit.strip_prefix(&[0, 0, 1]))
        .unwrap_or(unit)
}

fn entry<F>(function: Option<F>) -> Result<F> {
    function.ok_or_else(|| failure("find a function", 0))
}

fn check(action: &str, code: i32) -> Result<()> {
    if code == 0 {
        Ok(())
    } else {
        Err(failure(action, code))
    }
}

fn failure(action: &str, code: i32) -> MediaError {
    MediaError::Encoder {
        reason: format!("{action} (code {code})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(threads: u16) -> Vec<u8> {
        let settings = VideoSettings::new(1600, 900, 24);
        let mut encoder = Encoder::new(&settings, threads).unwrap();
        let mut picture = Yuv420::new(1600, 900);
        let mut data = Vec::new();
        for frame in 0..4_usize {
            for (index, value) in picture.y.iter_mut().enumerate() {
                *value = (index % 1600 / 3 + index / 1600 + frame * 5) as u8;
            }
            encoder.encode(&mut picture, &mut data).unwrap();
        }
        data
    }

    #[test]
    fn bytes_do_not_depend_on_the_number_of_threads() {
        let one = stream(1);
        assert!(one.len() > 1000);
        for threads in [2, 3, 4] {
            assert!(one == stream(threads), "{threads} threads");
        }
    }

    #[test]
    fn bytes_do_not_depend_on_the_processor_or_the_assembler() {
        // FNV-1a of a build with nasm; one without must agree. A new OpenH264 may change it.
        let hash = stream(1)
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        assert_eq!(hash, 0x9883_abb9_93b4_28bb, "{hash:#018x}");
    }

    #[test]
    fn start_codes_of_both_lengths_are_dropped() {
        assert_eq!(without_start_code(&[0, 0, 1, 9]), [9]);
        assert_eq!(without_start_code(&[0, 0, 0, 1, 9]), [9]);
        assert_eq!(without_start_code(&[9, 0, 0, 1]), [9, 0, 0, 1]);
    }
}
