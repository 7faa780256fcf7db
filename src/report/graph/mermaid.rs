//! A drawing as Mermaid, for Markdown on code hosts.

use super::state::PLAIN;
use super::{AT_THE_END, Drawing, EdgeKind, Node};

impl Drawing {
    /// The drawing as a Mermaid flowchart.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("---\n");
        // A title is all the text that Mermaid has outside of boxes.
        let title = match self.left_out() {
            Some(left_out) => format!("{} ({left_out})", self.heading()),
            None => self.heading(),
        };
        text.push_str(&format!("title: {}\n---\nflowchart TB\n", yaml(&title)));
        for node in self.nodes.iter().filter(|node| !node.finally) {
            text.push_str(&format!("  {}{}\n", name(node), shape(node)));
        }
        text.push_str(&self.mermaid_subgraph());
        for (from, to, kind) in self.edge_positions() {
            let arrow = match kind {
                EdgeKind::Reference => "-->",
                EdgeKind::Needs => "-.->",
            };
            let (from, to) = (&self.nodes[from], &self.nodes[to]);
            text.push_str(&format!("  {} {arrow} {}\n", name(from), name(to)));
        }
        if !self.shows_states() {
            let class = format!("fill:{},stroke:{},color:{}", PLAIN.fill, PLAIN.line, PLAIN.text);
            text.push_str(&format!("  classDef default {class}\n"));
        }
        for state in self.states() {
            let class = state.word().replace(' ', "_");
            let palette = state.palette();
            let colours =
                format!("fill:{},stroke:{},color:{}", palette.fill, palette.line, palette.text);
            text.push_str(&format!("  classDef {class} {colours}\n"));
            let nodes = self.nodes.iter().filter(|node| node.state == Some(state));
            let names: Vec<String> = nodes.map(name).collect();
            text.push_str(&format!("  class {} {class}\n", names.join(",")));
        }
        let paid: Vec<String> = self.nodes.iter().filter(|node| node.paid).map(name).collect();
        if !paid.is_empty() {
            text.push_str("  classDef paid stroke-width:3px\n");
            text.push_str(&format!("  class {} paid\n", paid.join(",")));
        }
        text
    }

    /// The steps that run at the end, below all others by links that are not seen.
    fn mermaid_subgraph(&self) -> String {
        let Some((last, _)) = self.border() else { return String::new() };
        let mut text = format!("  subgraph at_the_end [\"{AT_THE_END}\"]\n");
        for node in self.nodes.iter().filter(|node| node.finally) {
            text.push_str(&format!("    {}{}\n", name(node), shape(node)));
        }
        text.push_str("  end\n");
        for index in last {
            text.push_str(&format!("  {} ~~~ at_the_end\n", name(&self.nodes[index])));
        }
        text
    }
}

/// A step's id could be one of Mermaid's own words, such as `end`.
fn name(node: &Node) -> String {
    format!("s_{}", node.id)
}

fn shape(node: &Node) -> String {
    let mark = node.state.map(|state| format!("{} ", state.mark())).unwrap_or_default();
    let paid = if node.paid { " (paid)" } else { "" };
    let mut label = format!(
        "<b>{}{}{paid}</b><br/>{}",
        escape(&mark),
        escape(node.id.as_str()),
        escape(&node.action)
    );
    match node.condition() {
        Some(condition) => {
            label.push_str(&format!("<br/><i>{}</i>", escape(&condition)));
            format!("([\"{label}\"])")
        }
        None => format!("[\"{label}\"]"),
    }
}

/// Inside quotes Mermaid takes HTML and its own `#…;` codes; every sign that could begin either is
/// written as such a code.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | ';' | '`' | '\\' | '{' | '}' | '[' | ']' | '%' | '*' => {
                escaped.push_str(&format!("#{};", u32::from(c)));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A YAML scalar that cannot be anything else; JSON's form is one.
fn yaml(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
