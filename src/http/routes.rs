//! The table of routes: each handler is named once, and from that one line come its route, its
//! permission and its place in the OpenAPI document.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::guard::fn_guard;
use actix_web::http::{Method, header::HeaderValue};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, Route, dev, web};
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::HttpMethod;

use super::app_state::AppState;
use super::auth::access::{self, Access, Argument, Condition};
use super::auth::authorized::Authorized;
use super::dialect::Dialect;
use super::error::api_error::ApiError;
use super::openapi::{Document, OperationDoc};
use crate::domain::permission::{Grant, Permission};
use crate::domain::{Error, ErrorCode};

/// What a protected handler answers, before it is known to be dropped or not.
pub type Answer = Pin<Box<dyn Future<Output = Result<HttpResponse, ApiError>>>>;

/// A handler whose first argument is [`Authorized`]; no other compiles into a protected route.
///
/// The key is checked before anything else of the request is read, and once more when what it touches is known.
pub trait Guarded<Args>: Clone + Send + Sync + 'static {
    /// The permissions that the first argument asks for.
    const PERMISSIONS: &'static [Permission];

    /// The permissions that some requests need, as the other arguments declare them.
    fn conditions() -> Vec<Condition>;

    /// Checks the key, reads the other arguments and calls the handler.
    fn answer(self, request: HttpRequest, payload: dev::Payload) -> Answer;
}

macro_rules! guarded {
    ($($arg:ident $value:ident),*) => {
        impl<F, Fut, G, $($arg,)*> Guarded<(G, $($arg,)*)> for F
        where
            F: Fn(Authorized<G>, $($arg),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<HttpResponse, ApiError>> + 'static,
            G: Grant,
            $($arg: Argument,)*
        {
            const PERMISSIONS: &'static [Permission] = G::PERMISSIONS;

            fn conditions() -> Vec<Condition> {
                let conditions: [Vec<Condition>; _] = [$($arg::conditions()),*];
                conditions.into_iter().flatten().collect()
            }

            #[allow(unused_mut, unused_variables)]
            fn answer(self, request: HttpRequest, mut payload: dev::Payload) -> Answer {
                Box::pin(async move {
                    let allowed = Authorized::<G>::check(&request).await?;
                    $(let $value = $arg::from_request(&request, &mut payload).await?;)*
                    let needed: [Vec<Permission>; _] = [$($value.needed()),*];
                    access::require(&allowed, needed.into_iter().flatten())?;
                    self(allowed, $($value),*).await
                })
            }
        }
    };
}

guarded!();
guarded!(A a);
guarded!(A a, B b);
guarded!(A a, B b, C c);
guarded!(A a, B b, C c, D d);

type MakeRoute = Arc<dyn Fn(Method) -> Route + Send + Sync>;

/// Routes and document, while they are put together.
#[derive(Default)]
pub struct RouteTable {
    document: Document,
    routes: Routes,
}

/// The routes of all that was added.
#[derive(Default)]
pub struct Routes {
    /// By path template; a path's methods in the order in which they were added.
    by_path: BTreeMap<String, Vec<(Method, MakeRoute)>>,
}

impl RouteTable {
    /// Adds a handler that needs a key. `path` is what `#[utoipa::path]` made of it.
    #[must_use]
    pub fn protected<P, F, Args>(
        mut self,
        dialect: &'static Dialect,
        path: P,
        handler: F,
        spec: OperationDoc,
    ) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        F: Guarded<Args>,
    {
        let access = Access { dialect, always: F::PERMISSIONS, conditions: F::conditions() };
        let template = self.document.add(&path, Some(&access), spec);
        let make: MakeRoute = Arc::new(move |method| {
            let handler = handler.clone();
            route(method).to(move |request: HttpRequest, payload: web::Payload| {
                in_time(request.clone(), handler.clone().answer(request, payload.into_inner()))
            })
        });
        self.route::<P>(template, &make)
    }

    /// Adds a handler that anyone may call.
    #[must_use]
    pub fn public<P, F, Fut>(mut self, path: P, handler: F, spec: OperationDoc) -> Self
    where
        P: utoipa::Path + SchemaReferences,
        F: Fn(HttpRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<HttpResponse, ApiError>> + 'static,
    {
        let template = self.document.add(&path, None, spec);
        let make: MakeRoute = Arc::new(move |method| {
            let handler = handler.clone();
            route(method).to(move |request: HttpRequest| in_time(request.clone(), handler(request)))
        });
        self.route::<P>(template, &make)
    }

    fn route<P: utoipa::Path>(mut self, template: String, make: &MakeRoute) -> Self {
        let methods = self.routes.by_path.entry(template).or_default();
        for method in P::methods() {
            let method = actix_method(&method);
            // Whatever can be got can be asked for without its body.
            let head = (method == Method::GET).then(|| (Method::HEAD, Arc::clone(make)));
            methods.push((method, Arc::clone(make)));
            methods.extend(head);
        }
        self
    }

    /// Answers the routes under `from` under `to` too, without a word in the document.
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

    /// Answers one more method at a path as another one there, without a word in the document.
    #[must_use]
    pub fn method_alias(mut self, path: &str, from: &Method, to: Method) -> Self {
        if let Some(methods) = self.routes.by_path.get_mut(path)
            && let Some((_, make)) = methods.iter().find(|(method, _)| method == from)
        {
            let make = Arc::clone(make);
            methods.push((to, make));
        }
        self
    }

    /// The routes and the document of all that was added.
    #[must_use]
    pub fn into_parts(self) -> (Routes, Document) {
        let Self { document, routes } = self;
        (routes, document)
    }
}

impl Routes {
    /// Puts the routes into an application. A path that is known answers other methods with 405.
    ///
    /// A router tries one after the other: those without parameters, which it need not match against a
    /// regular expression, come first.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        let mut by_path: Vec<_> = self.by_path.iter().collect();
        by_path.sort_by_key(|(path, _)| path.matches('{').count());
        for (path, methods) in by_path {
            let mut resource = web::resource(path.as_str());
            for (method, make) in methods {
                resource = resource.route(make(method.clone()));
            }
            config.service(closed(resource, methods.iter().map(|(method, _)| method.as_str())));
        }
    }
}

/// An address that can be read and nothing else, outside of the document.
#[must_use]
pub fn read_only<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let resource = web::resource(path).route(web::get().to(handler.clone())).route(web::head().to(handler));
    closed(resource, ["GET", "HEAD"].into_iter())
}

/// Answers the methods that a resource does not have.
fn closed<'a>(resource: Resource, methods: impl Iterator<Item = &'a str>) -> Resource {
    let allow = methods.collect::<Vec<_>>().join(", ");
    resource.default_service(web::to(move || {
        let problem = match HeaderValue::from_str(&allow) {
            Ok(allow) => ApiError::method_not_allowed(allow),
            Err(_) => ErrorCode::MethodNotAllowed.into(),
        };
        std::future::ready(Err::<HttpResponse, _>(problem))
    }))
}

/// A route for a method. (actix's own guard for it notes each method that it tries in the request, for an answer
/// that [`closed`] gives from what it knows.)
fn route(method: Method) -> Route {
    Route::new().guard(fn_guard(move |context| context.head().method == method))
}

/// The response to a request, unless it takes longer than a request may. (Here and not around the whole
/// application: the layers there still have the request, and say in the log whose it was.)
async fn in_time(
    request: HttpRequest,
    response: impl Future<Output = Result<HttpResponse, ApiError>>,
) -> Result<HttpResponse, ApiError> {
    let limit = AppState::of(&request)?.limits.request_timeout;
    match tokio::time::timeout(limit, response).await {
        Ok(outcome) => outcome,
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
