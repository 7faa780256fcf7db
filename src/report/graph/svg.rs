//! A drawing as SVG: one file that needs nothing else, without scripts, on a light ground.

use super::layout::{Point, Size, arrange};
use super::legend::edge_meaning;
use super::state::PLAIN;
use super::{AT_THE_END, Drawing, EdgeKind, Node, NodeState, wrap};

/// Fonts that are there: on every desktop one of them, in every viewer the last.
const FONTS: &str =
    "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif";

const MARGIN: f64 = 28.0;
const TITLE_HEIGHT: f64 = 40.0;
const CAPTION_HEIGHT: f64 = 18.0;
const CAPTION_CHARACTER: f64 = 6.9;

/// A small plan still gets a legend in one or two rows.
const NARROWEST: f64 = 560.0;
const LEGEND_GAP: f64 = 30.0;
const LEGEND_ROW: f64 = 22.0;

/// Room on either side of the text in a box.
const PADDING: f64 = 16.0;

/// A line of text in a box: its height, its class, and how wide a character is at most on average.
/// Which font a viewer takes is not known, so the widths are those of the widest, DejaVu Sans.
const ID: (f64, &str, f64) = (20.0, "id", 10.0);
const ACTION: (f64, &str, f64) = (17.0, "action", 7.6);
const CONDITION: (f64, &str, f64) = (16.0, "when", 7.0);

/// What the line above the steps that run at the end takes; it is as wide as the drawing.
const BORDER: Size = Size { width: 60.0, height: 16.0 };

const PAID_WIDTH: f64 = 38.0;
const LINE: &str = "#64748b";

impl Drawing {
    /// The drawing as an SVG document.
    pub fn svg(&self) -> String {
        let cards: Vec<Card> = self.nodes.iter().map(Card::new).collect();
        let mut sizes: Vec<Size> = cards.iter().map(|card| card.size).collect();
        let edges: Vec<(usize, usize, EdgeKind)> = self.edge_positions().collect();
        let pairs: Vec<(usize, usize)> = edges.iter().map(|(from, to, _)| (*from, *to)).collect();
        let mut unseen = Vec::new();
        let border = self.border().map(|(last, first)| {
            let border = sizes.len();
            sizes.push(BORDER);
            unseen.extend(last.into_iter().map(|index| (index, border)));
            unseen.extend(first.into_iter().map(|index| (border, index)));
            border
        });
        let layout = arrange(&sizes, &pairs, &unseen);
        let content = layout.size.width.max(NARROWEST);
        let caption = wrap(&self.subheading(), (content / CAPTION_CHARACTER) as usize);
        let top = MARGIN + TITLE_HEIGHT + CAPTION_HEIGHT * caption.len() as f64;
        let (legend, legend_size) = self.svg_legend(content);
        let title_width = self.title.chars().count() as f64 * 12.0;
        let width = content.max(legend_size.width).max(title_width);
        let shift = Point { x: MARGIN + (width - layout.size.width) / 2.0, y: top };
        let legend_top = top + layout.size.height + LEGEND_GAP;
        let height = legend_top + legend_size.height + MARGIN;

        let mut svg = String::new();
        let mut line = |text: String| {
            svg.push_str(&text);
            svg.push('\n');
        };
        let (full_width, full_height) = (number(width + 2.0 * MARGIN), number(height));
        line(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{full_width}\" \
             height=\"{full_height}\" viewBox=\"0 0 {full_width} {full_height}\" role=\"img\">"
        ));
        line(format!("<title>{}</title>", escape(&self.title)));
        line(style_sheet());
        line(arrow_head());
        line("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>".to_owned());
        line(text_at(MARGIN, MARGIN + 16.0, "title", &self.title));
        for (row, text) in caption.iter().enumerate() {
            let y = MARGIN + 18.0 + CAPTION_HEIGHT * (row as f64 + 1.0);
            line(text_at(MARGIN, y, "caption", text));
        }
        line(format!("<g transform=\"translate({} {})\">", number(shift.x), number(shift.y)));
        for ((_, _, kind), points) in edges.iter().zip(&layout.lines) {
            line(edge(points, *kind));
        }
        if let Some(middle) = border.and_then(|border| layout.boxes.get(border)) {
            line(border_line(layout.size.width, middle.y));
        }
        for ((node, card), middle) in self.nodes.iter().zip(&cards).zip(&layout.boxes) {
            line(card.draw(node, *middle));
        }
        line("</g>".to_owned());
        line(format!(
            "<g transform=\"translate({} {})\">\n{legend}</g>",
            number(MARGIN),
            number(legend_top)
        ));
        line("</svg>".to_owned());
        svg
    }

    fn svg_legend(&self, limit: f64) -> (String, Size) {
        let mut legend = String::new();
        let (mut x, mut row) = (0.0, 0.0);
        let mut width: f64 = 0.0;
        let mut item = |symbol: &dyn Fn(f64, f64) -> String, text: &str| {
            let length = 40.0 + text.chars().count() as f64 * CAPTION_CHARACTER + 16.0;
            if x > 0.0 && x + length > limit {
                x = 0.0;
                row += 1.0;
            }
            let y = row * LEGEND_ROW + 11.0;
            legend.push_str(&symbol(x, y));
            legend.push_str(&text_at(x + 40.0, y + 4.0, "caption", text));
            legend.push('\n');
            x += length;
            width = width.max(x);
        };
        for kind in [EdgeKind::Reference, EdgeKind::Needs] {
            if self.has(kind) {
                let symbol =
                    |x: f64, y: f64| edge(&[Point { x, y }, Point { x: x + 32.0, y }], kind);
                item(&symbol, edge_meaning(kind));
            }
        }
        if self.has_condition() {
            item(&|x, y| swatch(x, y, PLAIN.fill, PLAIN.line, true), "runs only if");
        }
        if self.costs_money() {
            item(&|x, y| paid(x - 4.0, y - 8.0), "costs money, once");
        }
        for state in self.states() {
            let palette = state.palette();
            let text = format!("{} {}", state.mark(), state.word());
            item(&|x, y| swatch(x, y, palette.fill, palette.line, false), &text);
        }
        if let Some(left_out) = self.left_out() {
            row += if x > 0.0 { 1.0 } else { 0.0 };
            legend.push_str(&text_at(0.0, row * LEGEND_ROW + 15.0, "caption", &left_out));
            legend.push('\n');
            width = width.max(left_out.chars().count() as f64 * CAPTION_CHARACTER);
        }
        (legend, Size { width, height: (row + 1.0) * LEGEND_ROW })
    }
}

/// A box with its lines of text.
struct Card {
    lines: Vec<(String, (f64, &'static str, f64))>,
    size: Size,
}

impl Card {
    fn new(node: &Node) -> Self {
        let mark = node.state.map(|state| format!("{} ", state.mark())).unwrap_or_default();
        let mut lines = vec![(format!("{mark}{}", node.id), ID), (node.action.clone(), ACTION)];
        lines.extend(node.condition_lines().into_iter().map(|line| (line, CONDITION)));
        let text_width = |(text, (_, _, character)): &(String, (f64, &str, f64))| {
            text.chars().count() as f64 * character
        };
        let mut width = lines.iter().map(text_width).fold(110.0, f64::max);
        if node.paid {
            let id = lines.first().map(text_width).unwrap_or_default();
            width = width.max(id + 2.0 * PAID_WIDTH + 8.0);
        }
        let height = lines.iter().map(|(_, (height, _, _))| height).sum::<f64>() + 18.0;
        Self { lines, size: Size { width: width + 2.0 * PADDING, height } }
    }

    fn draw(&self, node: &Node, middle: Point) -> String {
        let palette = node.state.map_or(PLAIN, NodeState::palette);
        let (left, top) = (middle.x - self.size.width / 2.0, middle.y - self.size.height / 2.0);
        let dashed = if node.when.is_some() { " stroke-dasharray=\"6 4\"" } else { "" };
        let thickness = if node.paid { "2.5" } else { "1.5" };
        let mut text = format!(
            "<g fill=\"{}\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"9\" \
             fill=\"{}\" stroke=\"{}\" stroke-width=\"{thickness}\"{dashed}/>",
            palette.text,
            number(left),
            number(top),
            number(self.size.width),
            number(self.size.height),
            palette.fill,
            palette.line,
        );
        let mut y = top + 9.0;
        for (line, (height, class, _)) in &self.lines {
            text.push_str(&format!(
                "<text x=\"{}\" y=\"{}\" class=\"{class}\" text-anchor=\"middle\">{}</text>",
                number(middle.x),
                number(y + height * 0.75),
                escape(line)
            ));
            y += height;
        }
        if node.paid {
            text.push_str(&paid(left + self.size.width - PAID_WIDTH - 8.0, top + 9.0));
        }
        text.push_str("</g>");
        text
    }
}

fn paid(x: f64, y: f64) -> String {
    format!(
        "<g class=\"paid\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"17\" rx=\"8.5\" \
         fill=\"#b45309\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" \
         fill=\"#ffffff\">paid</text></g>",
        number(x),
        number(y),
        number(PAID_WIDTH),
        number(x + PAID_WIDTH / 2.0),
        number(y + 12.5)
    )
}

/// What parts the steps that run at the end from all others. Lines of edges pass it.
fn border_line(width: f64, y: f64) -> String {
    let line = format!(
        "<path d=\"M0 {y} L{width} {y}\" stroke=\"{LINE}\" stroke-dasharray=\"2 4\"/>",
        y = number(y),
        width = number(width)
    );
    let halo = "stroke=\"#ffffff\" stroke-width=\"6\" paint-order=\"stroke\"";
    format!("{line}<g {halo}>{}</g>", text_at(0.0, y + 4.0, "caption", AT_THE_END))
}

fn swatch(x: f64, y: f64, fill: &str, line: &str, dashed: bool) -> String {
    let dashes = if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
    format!(
        "<rect x=\"{}\" y=\"{}\" width=\"28\" height=\"14\" rx=\"4\" fill=\"{fill}\" \
         stroke=\"{line}\" stroke-width=\"1.5\"{dashes}/>",
        number(x),
        number(y - 7.0)
    )
}

/// A line from point to point that leaves and reaches each of them straight downwards.
fn edge(points: &[Point], kind: EdgeKind) -> String {
    let Some(first) = points.first() else { return String::new() };
    let mut path = format!("M{} {}", number(first.x), number(first.y));
    for pair in points.windows(2) {
        let [from, to] = pair else { continue };
        let (x, y) = (number(to.x), number(to.y));
        if (from.x - to.x).abs() < 0.05 || (from.y - to.y).abs() < 0.05 {
            path.push_str(&format!(" L{x} {y}"));
        } else {
            let middle = number(f64::midpoint(from.y, to.y));
            path.push_str(&format!(" C{} {middle} {x} {middle} {x} {y}", number(from.x)));
        }
    }
    let dashes = match kind {
        EdgeKind::Reference => "",
        EdgeKind::Needs => " stroke-dasharray=\"5 4\"",
    };
    format!(
        "<path d=\"{path}\" fill=\"none\" stroke=\"{LINE}\" stroke-width=\"1.5\"{dashes} \
         marker-end=\"url(#arrow)\"/>"
    )
}

fn style_sheet() -> String {
    format!(
        "<style>text{{font-family:{FONTS};font-size:12px}}.title{{font-size:18px;font-weight:600;\
         fill:#0f172a}}.caption{{fill:#475569}}.id{{font-size:14.5px;font-weight:600}}\
         .action{{font-size:12px}}.when{{font-size:11px;font-style:italic}}\
         .paid text{{font-size:11px;font-weight:600}}</style>"
    )
}

fn arrow_head() -> String {
    format!(
        "<defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" \
         markerHeight=\"8\" orient=\"auto-start-reverse\"><path d=\"M0 1 L10 5 L0 9 z\" \
         fill=\"{LINE}\"/></marker></defs>"
    )
}

fn text_at(x: f64, y: f64, class: &str, text: &str) -> String {
    let (x, y) = (number(x), number(y));
    format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", escape(text))
}

/// A tenth of a pixel is more than is seen; no `-0`.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// For text and attributes. Control characters are no XML at all, however they are written.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in crate::types::printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
