//! What the document says of requests that are refused: the same rules hold for every route, so they are said in one place.

use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// What a problem is sent as.
const PROBLEM: &str = "application/problem+json";

/// Adds to every operation what its path, its parameters and its token can be refused for, and the form of a refusal.
pub(super) fn describe(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            of(operation);
        }
    }
}

fn of(operation: &mut Operation) {
    let has = |place: &ParameterIn| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|parameter| {
            matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == *place)
        })
    };
    let (path, query) = (has(&ParameterIn::Path), has(&ParameterIn::Query));
    // Routes for everybody say so with an empty requirement.
    let guarded = operation.security.is_none();
    if query {
        // An unknown name is refused too: a typing error is no default.
        add(
            operation,
            "400",
            "A parameter or field is wrong, a word that is no id among them: `field` names it",
        );
    }
    if guarded {
        add(operation, "401", "No token, or none that is valid");
    }
    if path {
        add(
            operation,
            "404",
            "Nothing of this path is there for this token; a word that is no id names nothing",
        );
    }
    let table =
        operation.parameters.iter().flatten().any(
            |parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Accept"),
        );
    if table {
        add(
            operation,
            "406",
            "`Accept` asks for a table, and this answer is none",
        );
    }
    if operation.request_body.is_some() {
        add(operation, "413", "The body is too large");
    }
    if guarded {
        add(
            operation,
            "503",
            "It cannot be answered at the moment: `Retry-After` says when to ask again",
        );
        add(operation, "504", "It took too long");
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && (status.starts_with('4') || guarded && status.starts_with('5'))
        {
            problem(response);
        }
    }
}

/// What the route says itself stays, with the rule after it.
fn add(operation: &mut Operation, status: &str, rule: &str) {
    let responses = &mut operation.responses.responses;
    match responses.get_mut(status) {
        Some(RefOr::T(known)) => known.description = format!("{}. {rule}", known.description),
        Some(RefOr::Ref(_)) => {}
        None => {
            let response = ResponseBuilder::new().description(rule).build();
            responses.insert(status.to_owned(), RefOr::T(response));
        }
    }
}

fn problem(response: &mut Response) {
    let shape = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(shape)).build();
    response
        .content
        .entry(PROBLEM.to_owned())
        .or_insert(RefOr::T(content));
}
