//! Pictures in and out.

use std::fs;
use std::path::Path;

use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage, RgbaImage};
use kinora_media::{
    MAX_STILL_FILE_BYTES, MediaError, SheetLayout, SpriteSheet, Still, StillFormat, read_still,
};

/// A soft picture without sharp edges, `[120, 200, 3]`.
fn picture() -> Still {
    let rgb = (0..120_u32).flat_map(|y| {
        (0..200_u32).flat_map(move |x| [(x + 20) as u8, (y * 2) as u8, (255 - x / 2 - y / 2) as u8])
    });
    Still::new(200, 120, rgb.collect()).unwrap()
}

fn mean_error(a: &Still, b: &Still) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let sum: u64 = a
        .rgb()
        .iter()
        .zip(b.rgb())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.rgb().len() as f64
}

#[test]
fn every_format_reads_back_as_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let still = picture();
    for (name, worst) in [
        ("a.png", 0.0),
        ("a.webp", 3.0),
        ("a.JPG", 2.0),
        ("b.jpeg", 2.0),
    ] {
        let path = folder.path().join(name);
        still.write(&path, false).unwrap();
        let error = mean_error(&read_still(&path).unwrap(), &still);
        assert!(error <= worst, "{name}: {error}");
        assert!(matches!(
            still.write(&path, false),
            Err(MediaError::AlreadyExists { .. })
        ));
        still.write(&path, true).unwrap();
    }
    let error = still
        .write(folder.path().join("a.tiff"), false)
        .unwrap_err();
    assert!(matches!(error, MediaError::BadPicture { .. }), "{error}");
}

#[test]
fn quality_changes_the_size() {
    let still = picture();
    let webp = |quality| still.encode(StillFormat::WebP { quality }).unwrap().len();
    let jpeg = |quality| still.encode(StillFormat::Jpeg { quality }).unwrap().len();
    assert!(webp(20) < webp(95));
    assert!(jpeg(20) < jpeg(95));
    assert_eq!(webp(100), webp(255), "more than 100 means 100");

    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let noise = Still::new(64, 64, noise.take(64 * 64 * 3).collect()).unwrap();
    let [webp, png] =
        [StillFormat::WebP { quality: 75 }, StillFormat::Png].map(|f| noise.encode(f).unwrap());
    assert!(
        webp.len() * 2 < png.len(),
        "WebP is the lossy kind: {}, {}",
        webp.len(),
        png.len()
    );
}

fn write_png(path: &Path, picture: &DynamicImage) {
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .unwrap();
}

#[test]
fn other_kinds_of_pixels_become_rgb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    let read = |picture: &DynamicImage| {
        write_png(&path, picture);
        read_still(&path).unwrap().rgb()[..3].to_vec()
    };
    assert_eq!(
        read(&DynamicImage::from(RgbImage::from_pixel(
            4,
            4,
            Rgb([9, 8, 7])
        ))),
        [9, 8, 7]
    );
    let deep = image::ImageBuffer::from_pixel(4, 4, Rgb([65_535_u16, 32_896, 0]));
    assert_eq!(read(&DynamicImage::ImageRgb16(deep)), [255, 128, 0]);
    let grey = image::GrayImage::from_pixel(4, 4, image::Luma([77]));
    assert_eq!(read(&DynamicImage::from(grey)), [77; 3]);
    let clear = RgbaImage::from_pixel(4, 4, image::Rgba([255, 0, 100, 0]));
    assert_eq!(
        read(&DynamicImage::from(clear)),
        [255; 3],
        "transparent is white"
    );
    let half = RgbaImage::from_pixel(4, 4, image::Rgba([0, 100, 255, 51]));
    assert_eq!(read(&DynamicImage::from(half)), [204, 224, 255]);
}

#[test]
fn a_stored_orientation_is_applied() {
    // Exif: little endian, one entry, tag 0x0112 (orientation), a short, one value: 6.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    let rgb: Vec<u8> = (0..16 * 32)
        .flat_map(|i| [if i < 8 * 32 { 250 } else { 5 }; 3])
        .collect();
    encoder
        .write_image(&rgb, 32, 16, ExtendedColorType::Rgb8)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.jpg");
    fs::write(&path, bytes).unwrap();
    let still = read_still(&path).unwrap();
    assert_eq!((still.width(), still.height()), (16, 32));
    // The bright upper half is the right one after a quarter turn clockwise.
    assert!(still.rgb()[0] < 50 && still.rgb()[15 * 3] > 200);
}

#[test]
fn hostile_and_broken_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    let check = |what: &str| {
        let error = read_still(&path).unwrap_err();
        assert!(
            matches!(error, MediaError::BadPicture { .. }),
            "{what}: {error}"
        );
    };
    fs::write(&path, "").unwrap();
    check("empty");
    fs::write(&path, "<svg/>").unwrap();
    check("another format");
    let whole = picture().encode(StillFormat::Png).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    check("cut off");
    // Headers that promise other pixels than there are, with their checksums made right.
    let promise = |side: u32, depth_and_color: [u8; 2]| {
        let mut huge = whole.clone();
        huge[16..20].copy_from_slice(&side.to_be_bytes());
        huge[20..24].copy_from_slice(&side.to_be_bytes());
        huge[24..26].copy_from_slice(&depth_and_color);
        let checksum = crc32(&huge[12..29]);
        huge[29..33].copy_from_slice(&checksum.to_be_bytes());
        fs::write(&path, &huge).unwrap();
    };
    promise(60_000, [8, 2]);
    check("too many pixels");
    promise(8192, [16, 6]);
    check("half a gigabyte");
    let error = read_still(&path).unwrap_err().to_string();
    assert!(error.contains("limit"), "{error}");
    fs::File::create(&path)
        .unwrap()
        .set_len(MAX_STILL_FILE_BYTES + 1)
        .unwrap();
    check("too many bytes");
    assert!(matches!(
        read_still(folder.path()),
        Err(MediaError::BadPicture { .. })
    ));
    let missing = folder.path().join("missing.png");
    assert!(matches!(read_still(&missing), Err(MediaError::Io { .. })));
}

/// The checksum of PNG chunks (ISO/IEC 15948, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                0xEDB8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn fitting_gives_the_size_asked_for() {
    let still = picture();
    let small = still.fit(64, 64).unwrap();
    assert_eq!(
        (small.width(), small.height(), small.rgb().len()),
        (64, 64, 64 * 64 * 3)
    );
    // The centre is kept: the same colour in the middle before and after.
    let middle = |still: &Still| {
        let at = ((still.height() / 2) * still.width() + still.width() / 2) as usize * 3;
        still.rgb()[at]
    };
    assert!(middle(&small).abs_diff(middle(&still)) <= 2);
    assert!(matches!(still.fit(0, 4), Err(MediaError::Picture { .. })));
    assert!(matches!(
        still.fit(9000, 4),
        Err(MediaError::Picture { .. })
    ));
}

#[test]
fn a_sprite_sheet_is_a_still_like_any_other() {
    let clip: Vec<u8> = (0..5).flat_map(|_| picture().into_rgb()).collect();
    let layout = SheetLayout {
        count: 10,
        columns: 4,
        cell_width: 100,
    };
    let sheet = SpriteSheet::new(&clip, (200, 120), layout).unwrap();
    assert_eq!(
        (sheet.columns, sheet.cell_width, sheet.cell_height),
        (4, 100, 60)
    );
    assert_eq!(sheet.frames, [0, 1, 2, 3, 4]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sheet.jpg");
    sheet.still.write(&path, false).unwrap();
    let read = read_still(&path).unwrap();
    assert_eq!((read.width(), read.height()), (400, 120));
}
