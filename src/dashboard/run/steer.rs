//! What can be done about a run: cancel it, hold its lane or phases back, let them go on.

use maud::{Markup, html};

use crate::dashboard::action::Action;
use crate::dashboard::session::Visitor;
use crate::dashboard::text::cli;
use crate::domain::{Lane, PhaseName};
use crate::store::control::Pause;
use crate::store::runs::RunRow;

pub(super) fn steer(visitor: &Visitor, run: &RunRow, pauses: &[Pause]) -> Markup {
    let id = run.id.to_string();
    let held = |kind: &str, name: &str| {
        pauses
            .iter()
            .any(|pause| pause.held.kind() == kind && pause.held.name() == name)
    };
    let lane = run.lane.as_str();
    let places = std::iter::once(("lane", lane))
        .chain(PhaseName::ALL.iter().map(|phase| ("phase", phase.as_str())));
    let others = Lane::ALL.iter().filter(|other| **other != run.lane);
    let others: Vec<&str> = others
        .map(|lane| lane.as_str())
        .filter(|name| held("lane", name))
        .collect();
    html! {
        @if run.verdict.is_none() {
            (Action {
                name: "Cancel this run",
                path: &format!("/runs/{id}/cancel"),
                fields: &[],
                cli: cli(&["cancel", &id, "--reason", "…"]),
                danger: true,
            }.markup(visitor.may_change()))
        }
        @for (kind, name) in places {
            @let paused = held(kind, name);
            @if paused || kind == "lane" || run.verdict.is_none() {
                (hold(visitor, kind, name, paused))
            }
        }
        @for name in others { (hold(visitor, "lane", name, true)) }
    }
}

fn hold(visitor: &Visitor, kind: &str, name: &str, paused: bool) -> Markup {
    let verb = if paused { "resume" } else { "pause" };
    let title = if paused {
        format!("Resume {kind} {name}: it is held back")
    } else {
        format!("Pause {kind} {name}")
    };
    let action = Action {
        name: &title,
        path: &format!("/actions/{verb}"),
        fields: &[("kind", kind.to_owned()), ("name", name.to_owned())],
        cli: cli(&[verb, kind, name, "--reason", "…"]),
        danger: false,
    };
    action.markup(visitor.operates())
}
