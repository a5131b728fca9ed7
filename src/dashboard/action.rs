//! Buttons that change something: each says why it can be pressed, what it does on the command line, and asks for a
//! reason that stands in the audit table.

use maud::{Markup, html};

/// A form with one button.
#[derive(Debug)]
pub(super) struct Action<'a> {
    /// What is done.
    pub(super) name: &'a str,
    /// Where the form goes.
    pub(super) path: &'a str,
    /// What it says besides the reason.
    pub(super) fields: &'a [(&'a str, String)],
    /// The same on the command line.
    pub(super) cli: String,
    /// It takes something away.
    pub(super) danger: bool,
}

impl Action<'_> {
    /// The form for who may press it; for others, only how it is done.
    pub(super) fn markup(&self, may: bool) -> Markup {
        html! {
            details.action data-key=(self.cli) {
                summary { (self.name) }
                @if may {
                    form method="post" action=(self.path) {
                        @for (name, value) in self.fields { input type="hidden" name=(name) value=(value); }
                        label { span { "Reason, for the audit table" } input name="reason" maxlength="200" size="40"; }
                        button.danger[self.danger] type="submit" { (self.name) }
                    }
                } @else {
                    p.soft { "Your token does not allow it." }
                }
                p.soft { "On the command line:" }
                pre.cli { (self.cli) }
            }
        }
    }
}
