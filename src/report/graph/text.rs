//! A drawing for terminals, laid out by ascii-dag.
//!
//! A box for each step: its mark and id, its action, its condition. A plan that would be too wide
//! that way gets boxes with ids alone and a list of the rest; one that is still too wide is only
//! listed.

use ascii_dag::render::engine::{EdgeStyle, EdgeStyleCtx, NodePaintCtx, NodeRegion};
use ascii_dag::{
    CellColor, ColorMode, CustomNode, Graph, LayoutConfig, LayoutIR, LayoutIRBuilder, LineWeight,
    RenderOptions,
};

use super::legend::edge_meaning;
use super::{AT_THE_END, CONDITION_WIDTH, Drawing, EdgeKind, Node, wrap};
use crate::report::style::Style;

/// As wide as fits beside a line number in most terminals.
const WIDTH: usize = 108;

/// The colour of lines: there, but not in front.
const LINES: CellColor = CellColor::ansi256(8);

/// What a step that costs money is marked with.
const PAID: &str = "$";

impl Drawing {
    /// The drawing as lines, with a legend.
    pub fn text(&self, style: Style) -> Vec<String> {
        let mut lines = vec![style.strong(&self.heading())];
        lines.extend(wrap(&self.subheading(), WIDTH).iter().map(|line| style.faint(line)));
        lines.push(String::new());
        let whole = self.picture(Detail::Whole, style);
        let complete = whole.is_some();
        let picture = whole.or_else(|| self.picture(Detail::Ids, style));
        let drawn = picture.is_some();
        if let Some(picture) = picture {
            lines.extend(picture);
            lines.push(String::new());
        }
        if !complete {
            lines.extend(self.list(drawn, style));
            lines.push(String::new());
        }
        lines.extend(self.text_legend(drawn, style));
        lines
    }

    /// The boxes and lines, below them those of the steps that run at the end; nothing when they
    /// are too wide.
    fn picture(&self, detail: Detail, style: Style) -> Option<Vec<String>> {
        let mut lines = self.part_picture(&self.part(false), detail, style)?;
        let last = self.part(true);
        if !last.is_empty() {
            let last = self.part_picture(&last, detail, style)?;
            lines.extend([String::new(), style.faint(&border_line()), String::new()]);
            lines.extend(last);
        }
        Some(lines)
    }

    /// A picture of these steps alone.
    fn part_picture(&self, part: &[usize], detail: Detail, style: Style) -> Option<Vec<String>> {
        let card = |index: &usize| Card::new(&self.nodes[*index], self.read_from(*index), detail);
        let cards: Vec<Card> = part.iter().map(card).collect();
        let place = |index| part.iter().position(|part| *part == index);
        let edges: Vec<(usize, usize, EdgeKind)> = self
            .edge_positions()
            .filter_map(|(from, to, kind)| Some((place(from)?, place(to)?, kind)))
            .collect();
        let mut graph = Graph::new();
        for (id, card) in cards.iter().enumerate() {
            graph.add_node(id, card.node());
        }
        for (from, to, _) in &edges {
            graph.add_edge(*from, *to, None);
        }
        let mut config = LayoutConfig::standard();
        config.node_spacing = 2;
        let layout = graph.compute_layout_with_config(&config);
        if layout.width() > WIDTH {
            return None;
        }
        let dashed = |from: usize, to: usize| edges.contains(&(from, to, EdgeKind::Needs));
        let mut options = RenderOptions::plain();
        options.plan.edge_style_fn = edge_style;
        if style.is_coloured() {
            options.emit.color_mode = ColorMode::Ansi256;
        }
        let picture = marked(&layout, &cards, dashed).render_string(&options);
        Some(picture.trim_end().lines().map(|line| line.trim_end().to_owned()).collect())
    }

    /// What a step that runs at the end reads of the others, which no line says: they stand in
    /// another picture.
    fn read_from(&self, index: usize) -> Option<String> {
        let others = self.edge_positions().filter(|(from, to, _)| {
            *to == index && self.nodes[*to].finally && !self.nodes[*from].finally
        });
        let others: Vec<&str> = others.map(|(from, _, _)| self.nodes[from].id.as_str()).collect();
        (!others.is_empty()).then(|| format!("reads {}", others.join(", ")))
    }

    /// What did not fit into the boxes; without a picture also what comes before what.
    fn list(&self, drawn: bool, style: Style) -> Vec<String> {
        let width =
            |of: fn(&Node) -> &str| self.nodes.iter().map(|node| of(node).len()).max().unwrap_or(0);
        let (ids, actions) = (width(|node| node.id.as_str()), width(|node| &node.action));
        let line = |(position, node): (usize, &Node)| {
            let mark = node
                .state
                .map(|state| style.indexed(state.terminal_colour(), &format!("{} ", state.mark())));
            let mut notes = Vec::new();
            if node.paid {
                notes.push(PAID.to_owned());
            }
            let needs = self.edge_positions().filter(|(_, to, _)| *to == position);
            let needs: Vec<&str> = needs.map(|(from, _, _)| self.nodes[from].id.as_str()).collect();
            if !drawn && !needs.is_empty() {
                notes.push(format!("after {}", needs.join(", ")));
            }
            if node.finally {
                notes.push(AT_THE_END.to_owned());
            }
            notes.extend(self.read_from(position).filter(|_| drawn));
            notes.extend(node.condition());
            let line = format!(
                "  {}{:<ids$}  {:<actions$}  {}",
                mark.unwrap_or_default(),
                node.id,
                node.action,
                notes.join("; ")
            );
            line.trim_end().to_owned()
        };
        self.nodes.iter().enumerate().map(line).collect()
    }

    fn text_legend(&self, with_lines: bool, style: Style) -> Vec<String> {
        let mut parts = Vec::new();
        for (kind, line) in [(EdgeKind::Reference, "│"), (EdgeKind::Needs, "┊")] {
            if self.has(kind) && with_lines {
                parts.push(format!("{line} {}", edge_meaning(kind)));
            }
        }
        if self.costs_money() {
            parts.push(format!("{PAID} costs money, once"));
        }
        let mut lines = vec![style.faint(&parts.join("   "))];
        if let Some(left_out) = self.left_out() {
            lines.push(style.faint(&format!("{left_out}; `--all-edges` draws them")));
        }
        if self.shows_states() {
            let states = self.states().into_iter().map(|state| {
                let text = format!("{} {}", state.mark(), state.word());
                style.indexed(state.terminal_colour(), &text)
            });
            lines.push(states.collect::<Vec<_>>().join("   "));
        }
        lines.retain(|line| !line.is_empty());
        lines
    }
}

/// What stands between the steps that run at the end and all others.
fn border_line() -> String {
    format!("── {AT_THE_END} {}", "─".repeat(WIDTH / 2))
}

/// The layout with its dashed edges marked as undirected: a style is a plain function, and this is
/// the one thing that it sees of an edge and that we do not need otherwise.
fn marked<'a>(
    layout: &LayoutIR<'a>,
    cards: &'a [Card],
    dashed: impl Fn(usize, usize) -> bool,
) -> LayoutIR<'a> {
    let mut builder = LayoutIRBuilder::new().with_levels(layout.level_count());
    for node in layout.nodes() {
        builder.add_node(node.clone());
        if let Some(card) = cards.get(node.id) {
            builder.add_custom_for_last(Some(paint), &card.payload);
        }
    }
    for edge in layout.edges() {
        let mut edge = edge.clone();
        edge.directed = !dashed(edge.from_id, edge.to_id);
        builder.add_edge(edge);
    }
    builder.set_dimensions(layout.width(), layout.height());
    builder.build()
}

/// How much a box says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Whole,
    Ids,
}

/// A box and what stands in it. The first line of the payload is the number of its colour.
struct Card {
    payload: String,
    width: usize,
    height: usize,
}

impl Card {
    fn new(node: &Node, reads: Option<String>, detail: Detail) -> Self {
        let mark = node.state.map(|state| format!("{} ", state.mark())).unwrap_or_default();
        let paid = if node.paid { format!(" {PAID}") } else { String::new() };
        let mut lines = vec![format!("{mark}{}{paid}", node.id)];
        if detail == Detail::Whole {
            lines.push(node.action.clone());
            lines.extend(reads.iter().flat_map(|reads| wrap(reads, CONDITION_WIDTH)));
            lines.extend(node.condition_lines());
        }
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 4;
        let colour =
            node.state.map(|state| state.terminal_colour().to_string()).unwrap_or_default();
        let payload = format!("{colour}\n{}", lines.join("\n"));
        Self { payload, width, height: lines.len() + 2 }
    }

    fn node(&self) -> CustomNode<'_> {
        CustomNode {
            label: "",
            width: self.width,
            height: self.height,
            painter: Some(paint),
            payload: &self.payload,
        }
    }
}

fn paint(region: &mut NodeRegion<'_, '_>, node: NodePaintCtx<'_>) {
    region.frame();
    let mut lines = node.payload.lines();
    let colour = lines.next().and_then(|number| number.parse().ok());
    let colour = colour.map_or(CellColor::DEFAULT, CellColor::ansi256);
    for (row, line) in lines.enumerate() {
        for (column, character) in line.chars().enumerate() {
            region.set_colored(column + 2, row + 1, character, colour);
        }
    }
}

fn edge_style(edge: EdgeStyleCtx<'_>) -> EdgeStyle {
    let weight = if edge.directed { LineWeight::Light } else { LineWeight::Dashed };
    EdgeStyle { color: LINES, weight: Some(weight), ..EdgeStyle::default() }
}
