//! A drawing as DOT, for Graphviz and whatever reads its language.

use super::state::PLAIN;
use super::{Drawing, EdgeKind, Node};

impl Drawing {
    /// The drawing as a DOT digraph.
    pub fn dot(&self) -> String {
        let mut title = escape(&self.heading());
        if self.caption.is_some() {
            title = format!("{title}\\n{}", escape(&self.subheading()));
        }
        if let Some(left_out) = self.left_out() {
            title = format!("{title}\\n({left_out})");
        }
        let mut text = String::from("digraph plan {\n");
        text.push_str(&format!(
            "  graph [label=\"{title}\", labelloc=t, fontname=\"Helvetica\"];\n"
        ));
        text.push_str(
            "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11];\n",
        );
        text.push_str("  edge [color=\"#64748b\", arrowsize=0.7];\n");
        for node in &self.nodes {
            text.push_str(&format!("  {} [{}];\n", quote(node.id.as_str()), attributes(node)));
        }
        for (from, to, kind) in self.edge_positions() {
            let style = match kind {
                EdgeKind::Reference => "",
                EdgeKind::Needs => " [style=dashed]",
            };
            let (from, to) = (self.nodes[from].id.as_str(), self.nodes[to].id.as_str());
            text.push_str(&format!("  {} -> {}{style};\n", quote(from), quote(to)));
        }
        text.push_str("}\n");
        text
    }
}

fn attributes(node: &Node) -> String {
    let mark = node.state.map(|state| format!("{} ", state.mark())).unwrap_or_default();
    let paid = if node.paid { " (paid)" } else { "" };
    let mut label = format!("{mark}{}{paid}\\n{}", escape(node.id.as_str()), escape(&node.action));
    if let Some(condition) = node.condition() {
        label.push_str(&format!("\\n{}", escape(&condition)));
    }
    let palette = node.state.map_or(PLAIN, super::NodeState::palette);
    let mut text = format!(
        "label=\"{label}\", fillcolor=\"{}\", color=\"{}\", fontcolor=\"{}\"",
        palette.fill, palette.line, palette.text
    );
    if node.when.is_some() {
        text.push_str(", style=\"rounded,filled,dashed\"");
    }
    if node.paid {
        text.push_str(", penwidth=2.5");
    }
    text
}

fn quote(text: &str) -> String {
    format!("\"{}\"", escape(text))
}

/// For a quoted string: DOT knows `\"`, and takes `\\` in labels for one backslash.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
