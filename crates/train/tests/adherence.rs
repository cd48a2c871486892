//! Measured adherence on true film: a caption's clauses are found in the film that it describes,
//! and not in another.

use kinora_engine::Engine;
use kinora_filmset::program::FPS;
use kinora_filmset::render;
use kinora_media::{Mp4Writer, VideoSettings};
use kinora_train::eval::run::prompts;

#[test]
fn true_film_shows_what_its_caption_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new();
    let (mut own, mut other) = ((0, 0), (0, 0));
    let drawn: Vec<_> = prompts(9_300, 12, 25).collect();
    for (i, prompt) in drawn.iter().enumerate() {
        let size = prompt.program.aspect.size();
        let film = render(&prompt.program, size, 2);
        let path = folder.path().join(format!("{i}.mp4"));
        let settings = VideoSettings::new(film.width, film.height, FPS);
        let mut writer = Mp4Writer::create(&path, settings).expect("a file");
        let bytes = (film.width * film.height * 3) as usize;
        for frame in film.frames.chunks_exact(bytes) {
            writer.write_frame(frame).expect("a frame");
        }
        writer.finish().expect("a clip");
        let next = &drawn[(i + 1) % drawn.len()];
        for (said, sum) in [(prompt, &mut own), (next, &mut other)] {
            let adherence = engine
                .measure(&path, Some(&said.caption.text))
                .expect("it is measured");
            sum.0 += adherence.satisfied;
            sum.1 += adherence.checkable;
        }
    }
    let share = |(satisfied, checkable): (u32, u32)| f64::from(satisfied) / f64::from(checkable);
    assert!(own.1 >= 40, "{} clauses can be checked", own.1);
    assert!(share(own) > 0.8, "own captions: {own:?}");
    assert!(share(other) < 0.45, "captions of others: {other:?}");
}
