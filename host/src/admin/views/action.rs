//! Actions of OCPP, as the catalogue has them. Knows no station.

use serde::{Deserialize, Serialize};

use crate::ocpp::catalogue::{Action, Catalogue, Direction, Line, Shape};

/// `GET /v1/ocpp/{version}/actions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionsPage {
    pub version: String,
    /// By block, in the order of the specification.
    pub actions: Vec<ActionSummary>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionSummary {
    pub name: String,
    pub sent: Sent,
    /// The part of the specification that it belongs to.
    pub block: String,
}

/// `GET /v1/ocpp/{version}/actions/{action}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionView {
    pub version: String,
    pub name: String,
    pub block: String,
    pub sent: Sent,
    /// Plugins with the hook `responder` are asked for the answer.
    #[serde(default)]
    pub open: bool,
    pub request: Vec<MemberView>,
    /// `null` where nobody answers.
    pub response: Option<Vec<MemberView>>,
}

/// Who sends an action to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    ToStation,
    FromStation,
    BothWays,
}

/// A member of a message. The members of an object come below it, one deeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    pub depth: usize,
    pub name: String,
    pub required: bool,
    /// What it may be, for people.
    pub what: String,
}

impl ActionsPage {
    pub fn of_version(version: &str) -> Option<Self> {
        let catalogue = Catalogue::of_version(version)?;
        let summary = |action: &Action| ActionSummary {
            name: action.name.to_owned(),
            sent: Sent::of(action.direction),
            block: action.block.to_owned(),
        };
        let actions = catalogue.actions().iter().map(summary).collect();
        Some(Self { version: catalogue.version.to_owned(), actions })
    }
}

impl ActionView {
    /// As people write them, oldest first.
    pub const VERSIONS: [&str; 3] = ["1.6", "2.0.1", "2.1"];

    pub fn find(version: &str, action: &str) -> Option<Self> {
        let catalogue = Catalogue::of_version(version)?;
        let action = catalogue.action(action)?;
        let members =
            |shape: &Shape| catalogue.outline(shape).into_iter().map(MemberView::from).collect();
        Some(Self {
            version: catalogue.version.to_owned(),
            name: action.name.to_owned(),
            block: action.block.to_owned(),
            sent: Sent::of(action.direction),
            open: action.is_open,
            request: members(&action.request),
            response: action.response.as_ref().map(members),
        })
    }
}

impl Sent {
    const fn of(direction: Direction) -> Self {
        match direction {
            Direction::ToStation => Self::ToStation,
            Direction::FromStation => Self::FromStation,
            Direction::Both => Self::BothWays,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToStation => "to stations",
            Self::FromStation => "by stations",
            Self::BothWays => "both ways",
        }
    }
}

impl From<Line> for MemberView {
    fn from(Line { depth, name, is_required, what }: Line) -> Self {
        Self { depth, name: name.to_owned(), required: is_required, what }
    }
}
