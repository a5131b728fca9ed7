//! What the document says of every route alike: how requests are refused, how answers are tagged, and what goes with a table.

use utoipa::PartialSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder};

use super::table;

/// What a table is sent as, in either direction.
const TABLE: &str = "text/csv";
/// What a problem is sent as.
const PROBLEM: &str = "application/problem+json";

/// Adds to every operation what its path, its parameters and its token can be refused for, and the form of a refusal.
pub(super) fn describe(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        if let Some(operation) = item.get.as_mut().filter(|_| path.starts_with("/api/")) {
            tagged(operation);
        }
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(id(method, path));
                of(operation);
            }
        }
    }
}

/// What programs that are made of the document call an operation: no two alike.
fn id(method: &str, path: &str) -> String {
    let parts = path
        .trim_start_matches("/api/v1")
        .split(['/', '{', '}', '-']);
    let words = parts.filter(|part| !part.is_empty());
    let words: Vec<&str> = std::iter::once(method).chain(words).collect();
    words.join("_")
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
    } else if guarded && is_data(operation) {
        add(
            operation,
            "400",
            "There is no such parameter: `field` names it",
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
    if has_table(operation)
        && let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200")
    {
        tabled(response);
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        let files = body.content.contains_key(TABLE);
        // Fields may stand in the query, and then there is no body.
        body.required = Some(if files {
            Required::True
        } else {
            Required::False
        });
        add(operation, "413", "The body is larger than this route takes");
        let rule = if files {
            "The body is neither a form of multipart/form-data nor CSV nor JSON"
        } else {
            "The body is a form: send its fields as application/json, or in the query"
        };
        add(operation, "415", rule);
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

/// Whether a table is another form of the answer.
fn has_table(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Accept"))
}

/// Whether the answer is JSON, and no stream or text.
fn is_data(operation: &Operation) -> bool {
    let mut answers = operation.responses.responses.values();
    answers.any(|answer| {
        matches!(answer, RefOr::T(answer) if answer.content.contains_key("application/json"))
    })
}

/// A table is another form of the answer; what stands around its rows is said in headers.
fn tabled(response: &mut Response) {
    let text = ContentBuilder::new().schema(Some(String::schema())).build();
    response.content.insert(TABLE.to_owned(), RefOr::T(text));
    for (_, name, about) in table::TOLD {
        let header = HeaderBuilder::new()
            .schema(Some(String::schema()))
            .description(Some(about))
            .build();
        response.headers.insert(name.to_owned(), RefOr::T(header));
    }
}

/// Of an answer that is tagged: the tag, and what those hear who have it.
fn tagged(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let Some(RefOr::T(response)) = responses.get_mut("200") else {
        return;
    };
    if !response.content.contains_key("application/json") {
        return;
    }
    let header = HeaderBuilder::new()
        .schema(Some(String::schema()))
        .description(Some("Of what the answer says"))
        .build();
    response.headers.insert("etag".to_owned(), RefOr::T(header));
    if !has_table(operation) {
        let rule = "`Accept` takes nothing but a table, and this answer is none";
        add(operation, "406", rule);
    }
    let responses = &mut operation.responses.responses;
    if responses.contains_key("304") {
        return;
    }
    let as_it_was = ResponseBuilder::new().description("As it was").build();
    responses.insert("304".to_owned(), RefOr::T(as_it_was));
    let parameter = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The ETag of an earlier answer"))
        .schema(Some(String::schema()))
        .build();
    let parameters = operation.parameters.get_or_insert_default();
    parameters.push(RefOr::T(parameter));
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
