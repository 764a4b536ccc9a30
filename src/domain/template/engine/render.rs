//! Renders a template for one recipient.
//!
//! The fast path renders without debug information. Only when that fails, the template is rendered again in debug
//! mode to find out which variable is missing.

use std::io;

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::data::RenderInput;
use super::environment::NAME;
use super::meter;
use super::template::Template;
use crate::domain::template::sms::{self, Size};

/// The policy for recipients who lack a required variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingVariables {
    #[default]
    Exclude,
    /// Render the variable as empty text.
    Blank,
}

/// A rendered text for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub text: String,
    pub size: Size,
}

/// Rendering exhausted its fuel or its data budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooCostly;

/// Why a template yields no message for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderError {
    /// A required variable is missing.
    Missing {
        /// Its name in the template.
        variable: String,
        /// An existing name that differs by case alone.
        similar: Option<String>,
    },
    /// The text exceeds [`sms::MAX_PARTS`].
    TooLong,
    /// The text is empty or white space.
    Empty,
    /// An operation is invalid for this recipient's data.
    Failed {
        /// The engine's message.
        reason: String,
    },
}

/// Upper bound on the UTF-8 length of a message of [`sms::MAX_PARTS`] parts.
const MAX_BYTES: usize = 8 * 1024;

/// Initial buffer capacity: most messages fit into one part.
const INITIAL_CAPACITY: usize = 160;

impl Template {
    /// # Errors
    /// [`TooCostly`] is a property of the template and fails the request; the inner [`RenderError`] excludes this
    /// recipient alone.
    pub fn render(
        &self,
        input: RenderInput<'_>,
        missing: MissingVariables,
    ) -> Result<Result<Message, RenderError>, TooCostly> {
        meter::refill();
        let data = input.data(&self.names, self.reads_contact);
        if self.has_loops && data.weight() > meter::MAX_LOOP_BYTES {
            return Err(TooCostly);
        }
        let data = Value::from_object(data);
        let text = match missing {
            MissingVariables::Exclude => render_text(&self.environment, &data),
            MissingVariables::Blank => render_text(self.lenient(), &data),
        };
        let text = match text {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::OutOfFuel) => return Err(TooCostly),
            Err(error) => return Ok(Err(self.explain(&error, input, &data))),
        };
        // A literal in the template can produce it although the data cannot contain it; PostgreSQL cannot store it.
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

    fn debug(&self) -> &Environment<'static> {
        self.debug.get_or_init(|| {
            let mut environment = self.environment.clone();
            environment.set_debug(true);
            environment
        })
    }

    /// Renders again in debug mode, whose error detail names the missing variable.
    fn explain(&self, error: &Error, input: RenderInput<'_>, data: &Value) -> RenderError {
        if matches!(error.kind(), ErrorKind::WriteFailure) {
            return RenderError::TooLong;
        }
        let detail = render_text(self.debug(), data)
            .err()
            .and_then(|error| error.detail().map(str::to_owned))
            .unwrap_or_else(|| error.kind().to_string())
            .replace('\0', "\u{fffd}");
        // The engine's wording: "`NAME` is undefined", possibly after a prefix.
        let variable = detail.split_once("` is undefined").and_then(|(before, _)| before.rsplit('`').next());
        match variable {
            Some(variable) => {
                RenderError::Missing { variable: variable.to_owned(), similar: input.similar(variable) }
            }
            None => RenderError::Failed { reason: detail },
        }
    }
}

/// A buffer of at most [`MAX_BYTES`]: a template that grows without bound fails early.
struct BoundedBuffer(Vec<u8>);

impl io::Write for BoundedBuffer {
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

fn render_text(environment: &Environment<'static>, data: &Value) -> Result<String, Error> {
    let mut out = BoundedBuffer(Vec::with_capacity(INITIAL_CAPACITY));
    environment.get_template(NAME)?.render_captured_to(data.clone(), &mut out)?;
    String::from_utf8(out.0).map_err(|_| Error::new(ErrorKind::BadSerialization, "the text is not UTF-8"))
}
