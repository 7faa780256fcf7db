//! A drawing as DOT, for Graphviz and whatever reads its language.

use super::state::PLAIN;
use super::{AT_THE_END, Drawing, EdgeKind, Node};

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
        for node in self.nodes.iter().filter(|node| !node.finally) {
            text.push_str(&format!("  {} [{}];\n", quote(node.id.as_str()), attributes(node)));
        }
        text.push_str(&self.dot_cluster());
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

    /// The steps that run at the end, below all others by edges that are not seen.
    fn dot_cluster(&self) -> String {
        let Some((last, first)) = self.border() else { return String::new() };
        let mut text = format!(
            "  subgraph cluster_finally {{\n    label=\"{AT_THE_END}\";\n    style=dashed;\n    \
             color=\"#64748b\";\n"
        );
        for node in self.nodes.iter().filter(|node| node.finally) {
            text.push_str(&format!("    {} [{}];\n", quote(node.id.as_str()), attributes(node)));
        }
        text.push_str("  }\n");
        text.push_str(&format!("  {BORDER} [shape=point, style=invis];\n"));
        for index in last {
            let id = quote(self.nodes[index].id.as_str());
            text.push_str(&format!("  {id} -> {BORDER} [style=invis];\n"));
        }
        for index in first {
            let id = quote(self.nodes[index].id.as_str());
            text.push_str(&format!("  {BORDER} -> {id} [style=invis];\n"));
        }
        text
    }
}

/// Between the steps that run at the end and all others; no step can have this id.
const BORDER: &str = "\"at the end\"";

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
