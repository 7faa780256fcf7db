//! `Drawing`: a plan as a picture, with or without the states of a run.
//!
//! Plain data goes in, text comes out: for the terminal, as Mermaid, as DOT, as SVG. It knows no
//! plan; who draws says what is a node and what is an edge. Everything that comes from a plan is
//! escaped for the format that it goes into.

mod dot;
mod layout;
mod legend;
mod mermaid;
mod state;
mod svg;
#[cfg(test)]
mod tests;
mod text;

pub use state::NodeState;

use std::collections::HashSet;

use crate::types::{StepId, printable, shorten};

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Drawing {
    /// What it is a picture of: the plan's name, or a run.
    pub title: String,
    /// More about it, in one line.
    pub caption: Option<String>,
    /// The steps, in an order in which each comes after what it needs.
    pub nodes: Vec<Node>,
    /// What must come before what.
    pub edges: Vec<Edge>,
    /// How many edges are left out because longer paths imply them.
    pub implied: usize,
}

/// A step.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its id.
    pub id: StepId,
    /// The action.
    pub action: String,
    /// The condition under which it runs.
    pub when: Option<String>,
    /// Whether it runs at the end, whatever happened before.
    pub finally: bool,
    /// Whether it costs money.
    pub paid: bool,
    /// Where it stands, in a picture of a run.
    pub state: Option<NodeState>,
}

/// One step needs another.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The step that comes first.
    pub from: StepId,
    /// The step that needs it.
    pub to: StepId,
    /// Why.
    pub kind: EdgeKind,
}

/// Where an edge comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// A template or a condition reads the step's output.
    Reference,
    /// The step is only listed under `needs`.
    Needs,
}

/// What stands over the steps that run at the end.
const AT_THE_END: &str = "finally";

/// Longer conditions are cut: the picture says that there is one, the plan says which.
const LONGEST_CONDITION: usize = 100;

/// A condition is broken into lines that are no wider than most actions.
const CONDITION_WIDTH: usize = 34;

impl Node {
    /// Under which condition it runs, in one line; nothing for a step that just has its turn.
    fn condition(&self) -> Option<String> {
        let when = self.when.as_ref()?;
        Some(format!("if {}", shorten(&one_line(when), LONGEST_CONDITION)))
    }

    /// The condition as it stands in a box.
    fn condition_lines(&self) -> Vec<String> {
        self.condition().map(|text| wrap(&text, CONDITION_WIDTH)).unwrap_or_default()
    }
}

/// A text of several lines in one, without what a terminal would obey.
fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Breaks a text between words; a word that is too long alone stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

impl Drawing {
    /// The title without what a terminal would obey.
    fn heading(&self) -> String {
        printable(&self.title)
    }

    /// What stands below the title.
    fn subheading(&self) -> String {
        self.caption.as_deref().map(one_line).unwrap_or_default()
    }

    fn position(&self, id: &StepId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == *id)
    }

    /// Each edge as the positions of its nodes; one that leads nowhere is left out.
    fn edge_positions(&self) -> impl Iterator<Item = (usize, usize, EdgeKind)> {
        self.edges.iter().filter_map(|edge| {
            Some((self.position(&edge.from)?, self.position(&edge.to)?, edge.kind))
        })
    }

    /// The positions of the steps that run at the end, or of the others.
    fn part(&self, finally: bool) -> Vec<usize> {
        (0..self.nodes.len()).filter(|index| self.nodes[*index].finally == finally).collect()
    }

    /// Where the steps that run at the end follow all others: the positions of the last of these,
    /// and of the first of those. Nothing when no step runs at the end.
    fn border(&self) -> Option<(Vec<usize>, Vec<usize>)> {
        let (mut before, mut after) = (self.part(false), self.part(true));
        if after.is_empty() {
            return None;
        }
        let inside = |(from, to, _): &(usize, usize, EdgeKind)| {
            self.nodes[*from].finally == self.nodes[*to].finally
        };
        let inside: Vec<_> = self.edge_positions().filter(inside).collect();
        let left: HashSet<usize> = inside.iter().map(|(from, _, _)| *from).collect();
        let reached: HashSet<usize> = inside.iter().map(|(_, to, _)| *to).collect();
        before.retain(|index| !left.contains(index));
        after.retain(|index| !reached.contains(index));
        Some((before, after))
    }

    fn shows_states(&self) -> bool {
        self.nodes.iter().any(|node| node.state.is_some())
    }

    /// The states that occur, each once.
    fn states(&self) -> Vec<NodeState> {
        let mut states: Vec<NodeState> = self.nodes.iter().filter_map(|node| node.state).collect();
        states.sort_unstable();
        states.dedup();
        states
    }
}
