//! The members of an opt-out.

use super::value::texts;
use crate::domain::opt_out::{Note, Source};
use crate::http::field::{TextDoc, WireText};
use crate::http::openapi::examples::opt_out as examples;

texts!(Source, Note);

impl WireText for Source {
    fn doc() -> TextDoc {
        let about = "The source of the opt-out: how the number was opted out.";
        TextDoc::trimmed(about, Self::MAX_CHARS, examples::SOURCE).or_null("", about)
    }
}

impl WireText for Note {
    fn doc() -> TextDoc {
        let about = "A note on the opt-out.";
        TextDoc::trimmed(about, Self::MAX_CHARS, examples::NOTE).or_null("", about)
    }
}
