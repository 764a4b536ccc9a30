//! The route table: one entry per handler, from which its route, its permissions and its operation in the OpenAPI
//! document are derived.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::{HttpRequest, Route, dev, web};
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::HttpMethod;

use super::app_state::AppState;
use super::auth::access::{Access, HandlerArgument, RequestDoc};
use super::auth::caller::Caller;
use super::dialect::{Dialect, Dialects};
use super::metrics::{OperationMetrics, WorkerMetrics};
use super::openapi::{Document, OperationDoc};
use super::resource::with_method_not_allowed;
use super::response::HandlerResult;
use crate::domain::api_key::KeyKind;
use crate::domain::{Error, ErrorCode, Permission};

pub type HandlerFuture = Pin<Box<dyn Future<Output = HandlerResult>>>;

/// A handler whose first argument is a [`Caller`]: the only kind that a protected route accepts.
///
/// The permissions of the key are checked twice: the unconditional ones before anything else of the request is read, the
/// conditional ones once the arguments are parsed.
pub trait ProtectedHandler<Args>: Clone + Send + Sync + 'static {
    /// The kind of key that every request requires.
    const KIND: KeyKind;

    /// The permissions that every request requires.
    const PERMISSIONS: &'static [Permission];

    /// Whether the request may take longer than others.
    const LIMITS_ITS_TIME: bool;

    /// The documentation of the request, as the other arguments declare it.
    fn request_doc() -> RequestDoc;

    fn handle(self, request: HttpRequest, payload: dev::Payload) -> HandlerFuture;
}

macro_rules! protected_handler {
    ($($arg:ident $value:ident),*) => {
        impl<F, Fut, Who, $($arg,)*> ProtectedHandler<(Who, $($arg,)*)> for F
        where
            F: Fn(Who, $($arg),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = HandlerResult> + 'static,
            Who: Caller,
            $($arg: HandlerArgument,)*
        {
            const KIND: KeyKind = Who::KIND;
            const PERMISSIONS: &'static [Permission] = Who::PERMISSIONS;
            const LIMITS_ITS_TIME: bool = false $(|| $arg::LIMITS_ITS_TIME)*;

            #[allow(unused_mut)]
            fn request_doc() -> RequestDoc {
                let mut doc = RequestDoc::default();
                $($arg::document(&mut doc);)*
                doc
            }

            #[allow(unused_mut, unused_variables)]
            fn handle(self, request: HttpRequest, mut payload: dev::Payload) -> HandlerFuture {
                Box::pin(async move {
                    let caller = Who::check(&request).await?;
                    $(let $value = $arg::from_request(&request, &mut payload).await?;)*
                    let required: [Vec<Permission>; _] = [$($value.required_permissions()),*];
                    caller.require(required.into_iter().flatten())?;
                    caller.spend_items(&request, 0 $(+ $value.items())*).await?;
                    self(caller, $($value),*).await
                })
            }
        }
    };
}

protected_handler!();
protected_handler!(A a);
protected_handler!(A a, B b);
protected_handler!(A a, B b, C c);
protected_handler!(A a, B b, C c, D d);

/// Makes the route of a method for a worker thread.
type NewRoute = Arc<dyn Fn(Method, Option<Rc<OperationMetrics>>) -> Route + Send + Sync>;

/// One method of a path.
#[derive(Clone)]
struct MethodRoute {
    method: Method,
    /// The id of its operation.
    operation: Arc<str>,
    new_route: NewRoute,
}

/// Collects the handlers of an application; see [`RouteTable::into_parts`].
pub struct RouteTable {
    document: Document,
    routes: Routes,
}

#[derive(Default)]
pub struct Routes {
    /// By path template; the methods of a path in the order in which they were added.
    by_path: BTreeMap<String, Vec<MethodRoute>>,
}

impl RouteTable {
    /// An API whose operations require keys of a kind.
    #[must_use]
    pub fn new(dialects: Dialects, kind: KeyKind) -> Self {
        Self { document: Document::new(dialects, kind), routes: Routes::default() }
    }

    /// Adds an operation that requires a key. `path` is the type that `#[utoipa::path]` generates for the handler.
    #[must_use]
    pub fn protected<P, F, Args>(
        mut self,
        dialect: &'static Dialect,
        path: P,
        handler: F,
        doc: OperationDoc,
    ) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        F: ProtectedHandler<Args>,
    {
        let mut request = F::request_doc();
        let mut conditions = std::mem::take(&mut request.conditions);
        // Operations with one kind of body may require of every request what others require of some.
        conditions.retain(|condition| !F::PERMISSIONS.contains(&condition.permission));
        let access = Access { dialect, kind: F::KIND, always: F::PERMISSIONS, conditions };
        let template = self.document.add(&path, Some(&access), request, doc);
        let new_route: NewRoute = Arc::new(move |method, metrics| {
            let handler = handler.clone();
            route(method).to(move |request: HttpRequest, payload: web::Payload| {
                metrics.as_ref().inspect(|metrics| metrics.attach_to(&request));
                let response = handler.clone().handle(request.clone(), payload.into_inner());
                async move {
                    if F::LIMITS_ITS_TIME { response.await } else { with_timeout(request, response).await }
                }
            })
        });
        self.route::<P>(template, &new_route)
    }

    /// Adds an operation that requires no key.
    #[must_use]
    pub fn public<P, F, Fut>(mut self, path: P, handler: F, doc: OperationDoc) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        F: Fn(HttpRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = HandlerResult> + 'static,
    {
        let template = self.document.add(&path, None, RequestDoc::default(), doc);
        let new_route: NewRoute = Arc::new(move |method, metrics| {
            let handler = handler.clone();
            route(method).to(move |request: HttpRequest| {
                metrics.as_ref().inspect(|metrics| metrics.attach_to(&request));
                with_timeout(request.clone(), handler(request))
            })
        });
        self.route::<P>(template, &new_route)
    }

    fn route<P: utoipa::Path>(mut self, template: String, new_route: &NewRoute) -> Self {
        let operation: Arc<str> = P::operation().operation_id.unwrap_or_default().into();
        let methods = self.routes.by_path.entry(template).or_default();
        for method in P::methods() {
            let method = actix_method(&method);
            let head = (method == Method::GET).then_some(Method::HEAD);
            methods.extend([method].into_iter().chain(head).map(|method| MethodRoute {
                method,
                operation: Arc::clone(&operation),
                new_route: Arc::clone(new_route),
            }));
        }
        self
    }

    /// Serves the routes under `from` also under `to`, undocumented.
    #[must_use]
    pub fn alias(mut self, from: &str, to: &str) -> Self {
        let aliases: Vec<_> = self
            .routes
            .by_path
            .iter()
            .filter_map(|(path, methods)| {
                Some((format!("{to}{}", path.strip_prefix(from)?), methods.clone()))
            })
            .collect();
        self.routes.by_path.extend(aliases);
        self
    }

    /// Serves one more method of a path with the handler of another one, undocumented.
    #[must_use]
    pub fn method_alias(mut self, path: &str, from: &Method, to: Method) -> Self {
        if let Some(methods) = self.routes.by_path.get_mut(path)
            && let Some(aliased) = methods.iter().find(|route| route.method == *from)
        {
            let alias = MethodRoute { method: to, ..aliased.clone() };
            methods.push(alias);
        }
        self
    }

    #[must_use]
    pub fn into_parts(self) -> (Routes, Document) {
        let Self { document, routes } = self;
        (routes, document)
    }
}

impl Routes {
    /// The router of actix tries one path after the other; paths without parameters come first, because it matches them
    /// without a regular expression.
    pub fn configure(&self, config: &mut web::ServiceConfig, metrics: Option<&WorkerMetrics>) {
        let mut by_path: Vec<_> = self.by_path.iter().collect();
        by_path.sort_by_key(|(path, _)| path.matches('{').count());
        for (path, methods) in by_path {
            let mut resource = web::resource(path.as_str());
            for MethodRoute { method, operation, new_route } in methods {
                let metrics = metrics.map(|metrics| metrics.of_operation(operation));
                resource = resource.route(new_route(method.clone(), metrics));
            }
            let allowed = methods.iter().map(|route| route.method.as_str());
            config.service(with_method_not_allowed(resource, allowed));
        }
    }
}

/// A route for a method. (The method guard of actix records each method that it tries in the request, for a 405 that
/// [`with_method_not_allowed`] builds without it.)
fn route(method: Method) -> Route {
    Route::new().guard(fn_guard(move |context| context.head().method == method))
}

/// Applies the request timeout. (Not in a layer around the application: the access log then would not know the account of
/// a request that timed out.)
async fn with_timeout(request: HttpRequest, response: impl Future<Output = HandlerResult>) -> HandlerResult {
    let limit = AppState::of(&request)?.limits.request_timeout;
    match tokio::time::timeout(limit, response).await {
        Ok(result) => result,
        Err(_) => Err(Error::caused_by(ErrorCode::Unavailable, "the request ran out of time").into()),
    }
}

fn actix_method(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}
