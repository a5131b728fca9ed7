//! The routes, and the document that is made of them.

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::ToSchema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::admission::{Admission, admit};
use super::problem::{Kind, Problem};
use super::{
    Api, Limits, Pages, alerts, calendar, control, docs, events, explain, health, import, metrics,
    performance, portfolios, refusals, results, runs, shapes, start, symbols, tagged, tasks, trace,
};

/// The document of the API.
pub fn openapi() -> OpenApi {
    let (_, mut document) = described();
    let (_, streams) = streaming();
    document.merge(streams);
    shapes::require_all_keys(&mut document);
    refusals::describe(&mut document);
    document
}

/// Everything that is answered.
pub(super) fn router(api: Api, pages: Option<Pages>, limits: Limits) -> Router {
    let (plain, _) = described();
    let (streams, _) = streaming();
    let (pages, told) = pages.map(|pages| (pages.router, pages.problem)).unzip();
    let plain: Router<Api> = plain
        .merge(pages.unwrap_or_default())
        .layer(middleware::from_fn_with_state(
            Admission::new(&limits),
            admit,
        ))
        // Around everything: whoever waits for a place, and a body that comes slower, is told too.
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            limits.request,
        ));
    plain
        .merge(streams)
        .merge(docs::router(&openapi()))
        .layer(middleware::from_fn(tagged::tag))
        .fallback(async || Problem::not_found("path"))
        .method_not_allowed_fallback(async || Problem::new(Kind::Method, "see /docs"))
        .layer(middleware::from_fn_with_state(told, trace::trace))
        .layer(CompressionLayer::new())
        .with_state(api)
}

fn described() -> (Router<Api>, OpenApi) {
    OpenApiRouter::with_openapi(base())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(alerts::list))
        .routes(routes!(start::start))
        .routes(routes!(runs::current))
        .routes(routes!(runs::history))
        .routes(routes!(runs::summary))
        .routes(routes!(runs::one))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::one))
        .routes(routes!(runs::diff))
        .routes(routes!(control::cancel))
        .routes(routes!(control::pauses))
        .routes(routes!(control::pause))
        .routes(routes!(control::resume))
        .routes(routes!(control::retry))
        .routes(routes!(control::why))
        .routes(routes!(portfolios::list, import::create))
        .routes(routes!(portfolios::positions, import::update))
        .routes(routes!(portfolios::one, portfolios::delete))
        .routes(routes!(portfolios::snapshots))
        .routes(routes!(portfolios::flows, import::flows))
        .routes(routes!(portfolios::marks, import::marks))
        .routes(routes!(results::section))
        .routes(routes!(performance::performance))
        .routes(routes!(performance::drawdowns))
        .routes(routes!(explain::metrics))
        .routes(routes!(explain::told))
        .routes(routes!(symbols::list))
        .routes(routes!(symbols::prices))
        .routes(routes!(symbols::results::factors))
        .routes(routes!(symbols::results::metrics))
        .routes(routes!(calendar::sessions))
        .split_for_parts()
}

/// Without a limit of time: they last as long as somebody listens.
fn streaming() -> (Router<Api>, OpenApi) {
    OpenApiRouter::with_openapi(OpenApi::default())
        .routes(routes!(events::of_run))
        .split_for_parts()
}

fn base() -> OpenApi {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("`sigmabatch token create --role viewer` makes one"))
        .build();
    let mut parts = Vec::new();
    shapes::Problem::schemas(&mut parts);
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(scheme))
        .schema_from::<shapes::Problem>()
        .schemas_from_iter(parts)
        .build();
    let info = InfoBuilder::new()
        .title("sigmabatch")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Nightly portfolio analytics. Money is decimal text, statistics are numbers, what is missing is null \
             with a reason. Errors are problems of RFC 9457 with the offending field and a trace id. Ids may be written in \
             either case, with or without dashes; a word that is no id names nothing in a path (404), and is a wrong input \
             as a parameter or field (400).",
        ))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([SecurityRequirement::new(
            "token",
            Vec::<String>::new(),
        )]))
        .build()
}
