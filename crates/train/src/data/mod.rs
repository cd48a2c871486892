//! Training data: rendered clips with captions, as streams and as pictures to look at.

mod captions;
mod example;
mod film;
mod sheet;
mod stream;
mod vocabulary;

pub use captions::{CaptionOptions, write_captions};
pub use example::{Example, Header, Said, Source};
pub use film::Film;
pub use sheet::{GAP, Sheet, SheetOptions, write_sheet};
pub use stream::{StreamOptions, write_stream};
pub use vocabulary::{build_vocabulary, embedded_tokenizer};
