//! Filling a template in.

use std::io;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::data::RenderInput;
use super::environment::NAME;
use super::meter;
use super::template::Template;
use crate::domain::template::sms::{self, Size};

/// What becomes of a recipient for whom something is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingVariables {
    /// It gets no message.
    #[default]
    Exclude,
    /// The place stays empty.
    Blank,
}

/// A text for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The text.
    pub text: String,
    /// What it takes to send it.
    pub size: Size,
}

/// Filling the template in takes too many steps for a recipient, or goes through too much data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooCostly;

/// Why there is no text for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// Something that has to be filled in is not there.
    Missing {
        /// Its name in the template.
        variable: String,
        /// What there is, where it differs by case alone.
        similar: Option<String>,
    },
    /// The text would take more than [`sms::MAX_PARTS`] parts.
    TooLong,
    /// Nothing is left to be sent.
    Empty,
    /// The template cannot do with this recipient's data what it says.
    Failed {
        /// What the engine says.
        reason: String,
    },
}

/// No message of ten parts is longer, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Most texts are shorter: a message of one part.
const USUAL_BYTES: usize = 160;

impl Template {
    /// The text for a recipient.
    ///
    /// # Errors
    /// [`TooCostly`] where that cannot be found out. The inner error says why there is none.
    pub fn render(
        &self,
        recipient: RenderInput<'_>,
        gaps: MissingVariables,
    ) -> Result<Result<Message, RenderError>, TooCostly> {
        meter::refill();
        let data = recipient.data(&self.wanted, self.reads_contact);
        if self.has_loops && data.weight() > meter::MAX_LOOP_BYTES {
            return Err(TooCostly);
        }
        let data = Value::from_object(data);
        let text = match gaps {
            MissingVariables::Exclude => fill(&self.environment, &data),
            MissingVariables::Blank => fill(self.lenient(), &data),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::OutOfFuel) => return Err(TooCostly),
            Err(error) => return Ok(Err(self.explain(&error, recipient, &data))),
        };
        // A template can write it, however the data is checked; PostgreSQL does not store it.
        if text.contains('\0') {
            return Ok(Err(RenderError::Failed {
                reason: "the text contains the character U+0000".to_owned(),
            }));
        }
        if text.trim().is_empty() {
            return Ok(Err(RenderError::Empty));
        }
        let size = sms::measure(&text);
        Ok(if size.parts > sms::MAX_PARTS { Err(RenderError::TooLong) } else { Ok(Message { text, size }) })
    }

    fn lenient(&self) -> &Environment<'static> {
        self.lenient.get_or_init(|| {
            let mut environment = self.environment.clone();
            environment.set_undefined_behavior(UndefinedBehavior::Chainable);
            environment
        })
    }

    fn watchful(&self) -> &Environment<'static> {
        self.watchful.get_or_init(|| {
            let mut environment = self.environment.clone();
            environment.set_debug(true);
            environment
        })
    }

    /// What went wrong, told by filling in once more with an eye on where things come from.
    fn explain(&self, error: &Error, recipient: RenderInput<'_>, data: &Value) -> RenderError {
        if matches!(error.kind(), ErrorKind::WriteFailure) {
            return RenderError::TooLong;
        }
        let detail = fill(self.watchful(), data)
            .err()
            .and_then(|error| error.detail().map(str::to_owned))
            .unwrap_or_else(|| error.kind().to_string())
            .replace('\0', "\u{fffd}");
        // "`NAME` is undefined", perhaps behind other words.
        let variable = detail.split_once("` is undefined").and_then(|(before, _)| before.rsplit('`').next());
        match variable {
            Some(variable) => {
                RenderError::Missing { variable: variable.to_owned(), similar: recipient.similar(variable) }
            }
            None => RenderError::Failed { reason: detail },
        }
    }
}

/// Collects a text up to the length of a message.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fill(environment: &Environment<'static>, data: &Value) -> Result<String, Error> {
    let mut out = Bounded(Vec::with_capacity(USUAL_BYTES));
    environment.get_template(NAME)?.render_captured_to(data.clone(), &mut out)?;
    String::from_utf8(out.0).map_err(|_| Error::new(ErrorKind::BadSerialization, "the text is not UTF-8"))
}
