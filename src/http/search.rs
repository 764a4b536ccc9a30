//! What the lists of contacts of both dialects have for searches.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::search::SearchTerm;
use crate::domain::violation::Violation;
use crate::http::extract::QueryReader;
use crate::http::openapi::fields::search as fields;

/// What is searched for.
pub struct Search {
    pub term: SearchTerm,
    /// See [`ContactSearch`](crate::domain::search::ContactSearch).
    pub fuzzy: bool,
}

impl Search {
    /// Reads `search` and `fuzzy`. `conflict` is the name of a parameter of the request that excludes a search.
    pub fn read(query: &mut QueryReader<'_>, about: &str, conflict: Option<&'static str>) -> Option<Self> {
        let parse = |text: &str| match conflict {
            Some(with) => Err(Violation::NotTogether { with }),
            None => SearchTerm::parse(text),
        };
        let term = query.filter("search", || fields::term(about), parse, |term| term.as_str().to_owned());
        let parse = |text: &str| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Violation::NotOneOf { allowed: "true, false" }),
        };
        let fuzzy = query.filter("fuzzy", fuzzy_schema, parse, bool::to_string).unwrap_or(false);
        Some(Self { term: term?, fuzzy })
    }
}

fn fuzzy_schema() -> Object {
    let about = "With `search`: whether contacts follow whose names match but for one letter in each word of at least four. \
                 Their `match_type` is `fuzzy`.";
    ObjectBuilder::new().description(Some(about)).schema_type(SchemaType::new(Type::Boolean)).build()
}
