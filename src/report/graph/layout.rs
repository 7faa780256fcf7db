//! Where the boxes and lines of a drawing go, by dagre: layers from top to bottom, few crossings.

use dagre::graph::{Graph, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir, layout};

/// A place on paper, in pixels; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// How large a box is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Boxes and lines in the order in which they were given.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) size: Size,
    /// The middle of each box.
    pub(super) boxes: Vec<Point>,
    /// Where each line runs, from box to box.
    pub(super) lines: Vec<Vec<Point>>,
}

/// The gap between boxes of one layer, and between lines that pass them.
const BETWEEN_BOXES: f64 = 32.0;
const BETWEEN_LINES: f64 = 18.0;

/// The gap between layers; an arrow has to be seen in it.
const BETWEEN_LAYERS: f64 = 46.0;

/// The gap between the ends of lines at one side of a box, and how much of the side they may take.
const BETWEEN_ENDS: f64 = 26.0;
const WIDEST_SPREAD: f64 = 0.8;

/// Lays out boxes of these sizes with these edges, given by their positions in the list. What is
/// `unseen` says as well what stands below what, and gets no line.
pub(super) fn arrange(
    sizes: &[Size],
    edges: &[(usize, usize)],
    unseen: &[(usize, usize)],
) -> Layout {
    let options = GraphOptions { directed: true, multigraph: false, compound: false };
    let mut graph: Graph<NodeLabel, EdgeLabel> = Graph::with_options(options);
    for (index, size) in sizes.iter().enumerate() {
        let label = NodeLabel { width: size.width, height: size.height, ..NodeLabel::default() };
        graph.set_node(index.to_string(), Some(label));
    }
    for (from, to) in edges.iter().chain(unseen) {
        let (from, to) = (from.to_string(), to.to_string());
        graph.set_edge(from.as_str(), to.as_str(), Some(EdgeLabel::default()), None);
    }
    let options = LayoutOptions {
        rankdir: RankDir::TB,
        nodesep: BETWEEN_BOXES,
        edgesep: BETWEEN_LINES,
        ranksep: BETWEEN_LAYERS,
        ..LayoutOptions::default()
    };
    layout(&mut graph, Some(options));
    let boxes: Vec<Point> = (0..sizes.len())
        .map(|index| {
            let place = graph.node(&index.to_string()).and_then(|node| node.x.zip(node.y));
            let (x, y) = place.unwrap_or_default();
            Point { x, y }
        })
        .collect();
    let bends = |from: &usize, to: &usize| {
        let edge = graph.edge(&from.to_string(), &to.to_string(), None);
        edge.map(|edge| edge.points.iter().map(|point| (point.x, point.y)).collect())
    };
    let bends: Vec<Vec<(f64, f64)>> =
        edges.iter().map(|(from, to)| bends(from, to).unwrap_or_default()).collect();
    let lines = route(sizes, &boxes, edges, &bends);
    fit(sizes, boxes, lines)
}

/// The lines: out at the bottom of a box, straight through each layer that they pass, in at the top
/// of the other box. dagre aims at the middle of boxes, which looks as if lines went past them.
fn route(
    sizes: &[Size],
    boxes: &[Point],
    edges: &[(usize, usize)],
    bends: &[Vec<(f64, f64)>],
) -> Vec<Vec<Point>> {
    let layers = layers(sizes, boxes);
    let mut lines: Vec<Vec<Point>> = edges
        .iter()
        .zip(bends)
        .map(|((from, to), bends)| {
            let (first, last) = (boxes[*from], boxes[*to]);
            let mut line = vec![Point { x: first.x, y: first.y + sizes[*from].height / 2.0 }];
            for (x, y) in bends {
                let passed = layers.iter().find(|layer| (layer.middle - y).abs() < 0.5);
                let between = *y > first.y + 0.5 && *y < last.y - 0.5;
                if let (Some(layer), true) = (passed, between) {
                    line.push(Point { x: *x, y: layer.middle - layer.height / 2.0 });
                    line.push(Point { x: *x, y: layer.middle + layer.height / 2.0 });
                }
            }
            line.push(Point { x: last.x, y: last.y - sizes[*to].height / 2.0 });
            line
        })
        .collect();
    for (index, size) in sizes.iter().enumerate() {
        let leaving = (0..edges.len()).filter(|edge| edges[*edge].0 == index).collect();
        spread(&mut lines, leaving, size.width, |line| (0, 1.min(line - 1)));
        let arriving = (0..edges.len()).filter(|edge| edges[*edge].1 == index).collect();
        spread(&mut lines, arriving, size.width, |line| (line - 1, line.saturating_sub(2)));
    }
    lines
}

/// Moves the ends of lines at one side of a box apart, in the order of where they lead.
fn spread(
    lines: &mut [Vec<Point>],
    mut ends: Vec<usize>,
    width: f64,
    end_and_next: fn(usize) -> (usize, usize),
) {
    let next = |line: &Vec<Point>| line[end_and_next(line.len()).1].x;
    ends.sort_by(|a, b| next(&lines[*a]).total_cmp(&next(&lines[*b])));
    let step = (width * WIDEST_SPREAD / ends.len() as f64).min(BETWEEN_ENDS);
    let first = -step * (ends.len() as f64 - 1.0) / 2.0;
    for (place, index) in ends.into_iter().enumerate() {
        let line = &mut lines[index];
        let (end, _) = end_and_next(line.len());
        line[end].x += first + step * place as f64;
    }
}

/// A row of boxes.
struct Layer {
    middle: f64,
    height: f64,
}

fn layers(sizes: &[Size], boxes: &[Point]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for (place, size) in boxes.iter().zip(sizes) {
        match layers.iter_mut().find(|layer| (layer.middle - place.y).abs() < 0.5) {
            Some(layer) => layer.height = layer.height.max(size.height),
            None => layers.push(Layer { middle: place.y, height: size.height }),
        }
    }
    layers
}

/// Moves everything so that it begins at zero, and says how large it is.
fn fit(sizes: &[Size], mut boxes: Vec<Point>, mut lines: Vec<Vec<Point>>) -> Layout {
    let corners = boxes.iter().zip(sizes).flat_map(|(middle, size)| {
        let (half_width, half_height) = (size.width / 2.0, size.height / 2.0);
        [
            Point { x: middle.x - half_width, y: middle.y - half_height },
            Point { x: middle.x + half_width, y: middle.y + half_height },
        ]
    });
    let all: Vec<Point> = corners.chain(lines.iter().flatten().copied()).collect();
    let bound = |of: fn(&Point) -> f64, pick: fn(f64, f64) -> f64| {
        all.iter().map(of).reduce(pick).unwrap_or_default()
    };
    let (left, top) = (bound(|point| point.x, f64::min), bound(|point| point.y, f64::min));
    let (right, bottom) = (bound(|point| point.x, f64::max), bound(|point| point.y, f64::max));
    for point in boxes.iter_mut().chain(lines.iter_mut().flatten()) {
        point.x -= left;
        point.y -= top;
    }
    Layout { size: Size { width: right - left, height: bottom - top }, boxes, lines }
}
