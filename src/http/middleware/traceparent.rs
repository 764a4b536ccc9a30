//! The trace that a caller says its request is part of: W3C Trace Context, level 1.

use actix_web::http::header::HeaderMap;
use data_encoding::HEXLOWER;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use crate::http::headers::{TRACEPARENT, TRACESTATE};

/// What a longer `tracestate` has is not passed on: every span of the trace has a copy. (Callers must expect no more.)
const MAX_TRACESTATE: usize = 512;

/// The span of the caller. `None` if the header is absent, malformed or repeated: such a request begins a trace.
pub(super) fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut values = headers.get_all(TRACEPARENT);
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (trace_id, span_id, flags) = parse(value)?;
    let parent = SpanContext::new(trace_id, span_id, flags, true, state(headers));
    parent.is_valid().then_some(parent)
}

/// Later versions may have more after the flags, of which only the first is known.
fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut parts = text.splitn(5, '-');
    let mut next = || parts.next();
    let [version] = bytes(next()?)?;
    let trace_id = TraceId::from_bytes(bytes(next()?)?);
    let span_id = SpanId::from_bytes(bytes(next()?)?);
    let [flags] = bytes(next()?)?;
    let has_more = next().is_some();
    let is_known = match version {
        0 => !has_more,
        version => version != 0xff,
    };
    is_known.then(|| (trace_id, span_id, TraceFlags::new(flags) & TraceFlags::SAMPLED))
}

/// Exactly so many bytes in lower-case hexadecimal.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).ok()?;
    Some(bytes)
}

/// Several headers are one list. One that is malformed is ignored, and the parent is not.
fn state(headers: &HeaderMap) -> TraceState {
    let values: Option<Vec<&str>> = headers.get_all(TRACESTATE).map(|value| value.to_str().ok()).collect();
    let list = values.unwrap_or_default().join(",");
    if list.len() > MAX_TRACESTATE {
        return TraceState::default();
    }
    list.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parent_of(headers: &[(&'static str, &str)]) -> Option<SpanContext> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        parent(&map)
    }

    #[test]
    fn the_parent_is_that_of_the_caller() {
        let later = format!("{}-what-there-will-be", VALID.replacen("00", "01", 1));
        for (text, sampled) in [
            (VALID, true),
            (&VALID.replace("-01", "-00"), false),
            (&VALID.replace("-01", "-fe"), false),
            (&later, true),
        ] {
            let parent = parent_of(&[(TRACEPARENT, text)]).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(parent.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
            assert_eq!(parent.span_id().to_string(), "b7ad6b7169203331");
            assert!(parent.is_remote() && parent.is_sampled() == sampled, "{text}");
        }
    }

    #[test]
    fn a_malformed_header_is_ignored() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "000-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "+0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-001",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        ] {
            assert_eq!(parent_of(&[(TRACEPARENT, text)]), None, "{text}");
        }
        assert_eq!(parent_of(&[(TRACEPARENT, VALID), (TRACEPARENT, VALID)]), None);
        assert_eq!(parent_of(&[(TRACESTATE, "a=1")]), None);
    }

    #[test]
    fn the_state_of_the_trace_is_kept() {
        let state = |headers: &[(&'static str, &str)]| {
            let all = [&[(TRACEPARENT, VALID)], headers].concat();
            parent_of(&all).unwrap().trace_state().header()
        };
        assert_eq!(state(&[]), "");
        assert_eq!(state(&[(TRACESTATE, "a=1,b@c=2")]), "a=1,b@c=2");
        assert_eq!(state(&[(TRACESTATE, "a=1"), (TRACESTATE, "b=2")]), "a=1,b=2");
        assert_eq!(state(&[(TRACESTATE, "nothing")]), "");
        assert_eq!(state(&[(TRACESTATE, &format!("a={}", "x".repeat(MAX_TRACESTATE)))]), "");
    }
}
