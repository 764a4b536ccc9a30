//! A collector of traces: an HTTP server that keeps what it is sent, and responds as a test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// What the collector does with a request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Accept,
    /// Accepts the request, but not so many of its spans.
    Reject(i64),
    Respond(u16),
    /// Reads the request and never responds.
    Hang,
    /// Accepts it, with a body that does not end.
    NeverEnd,
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Received {
    /// The request line and the headers.
    head: String,
    body: Vec<u8>,
}

/// Ends with the test.
pub struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    received: Mutex<Vec<Received>>,
    /// Bytes of bodies that do not end.
    endless: AtomicUsize,
    is_over: AtomicBool,
}

impl Collector {
    pub fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            received: Mutex::default(),
            endless: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (serving, stream) = (Arc::clone(&serving), stream.unwrap());
                // A connection ends when the client closes it, or is not understood.
                std::thread::spawn(move || serve(&serving, &stream));
            }
        });
        Self { address, shared }
    }

    /// The flag of a server that exports to this collector.
    pub fn flag(&self) -> String {
        format!("--otlp-endpoint=http://{}", self.address)
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// How many requests have come.
    pub fn requests(&self) -> usize {
        self.received().len()
    }

    /// How many bytes of a body without an end the client and the kernel's buffers have taken.
    pub fn endless_bytes(&self) -> usize {
        self.shared.endless.load(Ordering::Relaxed)
    }

    /// Waits until something is so.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:#?}", self.spans());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// All bytes that have come, heads included.
    pub fn bytes(&self) -> Vec<u8> {
        let received = self.received();
        received.into_iter().flat_map(|Received { head, body }| [head.into_bytes(), body].concat()).collect()
    }

    /// Checks each request, and returns its content.
    fn exports(&self) -> Vec<ExportTraceServiceRequest> {
        let of = |Received { head, body }: Received| {
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            assert!(head.to_lowercase().contains("content-type: application/x-protobuf\r\n"), "{head}");
            ExportTraceServiceRequest::decode(&*body).unwrap()
        };
        self.received().into_iter().map(of).collect()
    }

    /// Of whom the spans are.
    pub fn resources(&self) -> Vec<Resource> {
        let spans = self.exports().into_iter().flat_map(|export| export.resource_spans);
        spans.filter_map(|spans| spans.resource).collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        let spans = self.exports().into_iter().flat_map(|export| export.resource_spans);
        spans.flat_map(|spans| spans.scope_spans).flat_map(|spans| spans.spans).collect()
    }

    /// The only span with an attribute.
    #[track_caller]
    pub fn span_with(&self, name: &str, value: &str) -> Span {
        let mut found = self.spans();
        found.retain(|span| attributes(&span.attributes).get(name).is_some_and(|found| found == value));
        assert_eq!(found.len(), 1, "{name} {value}: {found:#?}");
        found.remove(0)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts connections.
        drop(TcpStream::connect(self.address));
    }
}

/// Attributes as texts.
pub fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute).unwrap())).collect()
}

/// Serves the requests of a connection until it ends.
fn serve(shared: &Shared, stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length?];
        reader.read_exact(&mut body).ok()?;
        let behaviour = shared.behaviour.lock().unwrap().clone();
        shared.received.lock().unwrap().push(Received { head, body });
        respond(behaviour, &shared.endless, stream)?;
    }
}

fn respond(behaviour: Behaviour, endless: &AtomicUsize, mut stream: &TcpStream) -> Option<()> {
    let mut write = |bytes: &[u8]| stream.write_all(bytes).ok();
    match behaviour {
        Behaviour::Accept => write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Behaviour::Reject(spans) => {
            let partial = ExportTracePartialSuccess { rejected_spans: spans, error_message: String::new() };
            let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
            write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes())?;
            write(&body)
        }
        Behaviour::Respond(status) => {
            write(format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n").as_bytes())
        }
        Behaviour::Hang => {
            // Until the client gives up.
            drop(stream.read(&mut [0]));
            None
        }
        Behaviour::NeverEnd => {
            write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            loop {
                write(b"1000\r\n")?;
                write(&[b'x'; 0x1000])?;
                write(b"\r\n")?;
                endless.fetch_add(0x1000, Ordering::Relaxed);
            }
        }
    }
}
