//! `StepGraph`: the plan's steps as a directed acyclic graph, on petgraph.
//!
//! It answers questions of order and reachability. It knows nothing of what a step does or of the
//! state it is in. Steps are named by their ids, never by an index: a graph that is built again
//! after a restart must mean the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Bfs, Reversed};

use crate::types::StepId;

/// Steps and their edges; an edge leads from a step to a step that needs it.
#[derive(Debug, Clone)]
pub struct StepGraph {
    graph: DiGraph<StepId, ()>,
    index: BTreeMap<StepId, NodeIndex>,
    order: Vec<StepId>,
}

/// Steps that need one another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("steps need one another: {}", display_path(path))]
pub struct CycleError {
    /// The shortest way round, each step needing the next; the first is not repeated at the end.
    pub path: Vec<StepId>,
}

fn display_path(path: &[StepId]) -> String {
    let names = path.iter().chain(path.first()).map(|id| format!("`{id}`"));
    names.collect::<Vec<_>>().join(" → ")
}

impl StepGraph {
    /// Builds the graph from each step and the steps it needs, in the order of the plan file.
    ///
    /// A needed step that is not in the list is ignored: the compiler has reported it already.
    /// Fails with the shortest cycle when there is one.
    pub fn new<'a>(
        steps: impl IntoIterator<Item = (&'a StepId, &'a BTreeSet<StepId>)>,
    ) -> Result<Self, CycleError> {
        let steps: Vec<_> = steps.into_iter().collect();
        let mut graph = DiGraph::with_capacity(steps.len(), steps.len());
        let index: BTreeMap<StepId, NodeIndex> =
            steps.iter().map(|(id, _)| ((*id).clone(), graph.add_node((*id).clone()))).collect();
        for (id, needs) in &steps {
            for need in *needs {
                if let (Some(from), Some(to)) = (index.get(need), index.get(*id)) {
                    graph.update_edge(*from, *to, ());
                }
            }
        }
        if toposort(&graph, None).is_err() {
            return Err(CycleError { path: shortest_cycle(&graph) });
        }
        let order = file_order(&graph);
        Ok(Self { graph, index, order })
    }

    /// All steps so that each comes after what it needs; ties are in the order of the plan file.
    pub fn order(&self) -> &[StepId] {
        &self.order
    }

    /// The steps that `id` needs directly.
    pub fn needs(&self, id: &StepId) -> BTreeSet<StepId> {
        self.neighbours(id, Direction::Incoming)
    }

    /// The steps that need `id` directly.
    pub fn dependents(&self, id: &StepId) -> BTreeSet<StepId> {
        self.neighbours(id, Direction::Outgoing)
    }

    /// Everything that comes before `id`: what it needs, what that needs, and so on.
    pub fn ancestors(&self, id: &StepId) -> BTreeSet<StepId> {
        let Some(start) = self.index.get(id).copied() else { return BTreeSet::new() };
        let reversed = Reversed(&self.graph);
        let mut walk = Bfs::new(reversed, start);
        let mut found = BTreeSet::new();
        while let Some(node) = walk.next(reversed) {
            if node != start {
                found.insert(self.graph[node].clone());
            }
        }
        found
    }

    /// The edges that say something new, from a step to one that needs it: an edge is left out when
    /// a longer path says the same. In the order of [`Self::order`].
    pub fn essential_edges(&self) -> Vec<(StepId, StepId)> {
        let ancestors: BTreeMap<&StepId, BTreeSet<StepId>> =
            self.order.iter().map(|id| (id, self.ancestors(id))).collect();
        let said_otherwise = |from: &StepId, needs: &BTreeSet<StepId>| {
            needs.iter().any(|need| ancestors.get(need).is_some_and(|all| all.contains(from)))
        };
        let mut edges = self.edges();
        edges.retain(|(from, to)| !said_otherwise(from, &self.needs(to)));
        edges
    }

    /// All edges, from a step to one that needs it, in the order of [`Self::order`].
    pub fn edges(&self) -> Vec<(StepId, StepId)> {
        let mut edges = Vec::new();
        for to in &self.order {
            let needs = self.needs(to);
            let from = self.order.iter().filter(|from| needs.contains(*from));
            edges.extend(from.map(|from| (from.clone(), to.clone())));
        }
        edges
    }

    fn neighbours(&self, id: &StepId, direction: Direction) -> BTreeSet<StepId> {
        let Some(node) = self.index.get(id).copied() else { return BTreeSet::new() };
        let neighbours = self.graph.neighbors_directed(node, direction);
        neighbours.map(|neighbour| self.graph[neighbour].clone()).collect()
    }
}

/// Kahn's order with the earliest step of the file first, so that listings read like the plan.
fn file_order(graph: &DiGraph<StepId, ()>) -> Vec<StepId> {
    let incoming = |node| graph.neighbors_directed(node, Direction::Incoming).count();
    let mut open: BTreeMap<NodeIndex, usize> =
        graph.node_indices().map(|node| (node, incoming(node))).collect();
    let mut ready: BTreeSet<NodeIndex> =
        open.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(node) = ready.pop_first() {
        order.push(graph[node].clone());
        for next in graph.neighbors(node) {
            if let Some(count) = open.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    order
}

/// In a large knot the search for the shortest way round begins at this many steps only.
const MOST_STARTS: usize = 100;

/// The shortest cycle: petgraph names the members, a search inside the component finds the path.
fn shortest_cycle(graph: &DiGraph<StepId, ()>) -> Vec<StepId> {
    let mut best: Vec<NodeIndex> = Vec::new();
    for component in tarjan_scc(graph) {
        let members: BTreeSet<NodeIndex> = component.into_iter().collect();
        for start in members.iter().take(MOST_STARTS) {
            if let Some(path) = shortest_way_back(graph, *start, &members)
                && (best.is_empty() || path.len() < best.len())
            {
                best = path;
            }
        }
    }
    // Edges run from a step to its dependents; people read "a needs b".
    best.reverse();
    best.into_iter().map(|node| graph[node].clone()).collect()
}

fn shortest_way_back(
    graph: &DiGraph<StepId, ()>,
    start: NodeIndex,
    members: &BTreeSet<NodeIndex>,
) -> Option<Vec<NodeIndex>> {
    let mut came_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in graph.neighbors(node).filter(|next| members.contains(next)) {
            if next == start {
                let mut path = vec![node];
                let mut current = node;
                while current != start {
                    current = *came_from.get(&current)?;
                    path.push(current);
                }
                path.reverse();
                return Some(path);
            }
            if next != start && !came_from.contains_key(&next) {
                came_from.insert(next, node);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StepId {
        StepId::parse(text).unwrap()
    }

    fn graph(edges: &[(&str, &[&str])]) -> Result<StepGraph, CycleError> {
        let steps: Vec<(StepId, BTreeSet<StepId>)> = edges
            .iter()
            .map(|(step, needs)| (id(step), needs.iter().map(|need| id(need)).collect()))
            .collect();
        StepGraph::new(steps.iter().map(|(step, needs)| (step, needs)))
    }

    #[test]
    fn order_follows_the_needs_and_then_the_file() {
        let graph = graph(&[("c", &["a"]), ("b", &[]), ("a", &[]), ("d", &["c", "b"])]).unwrap();
        let order: Vec<&str> = graph.order().iter().map(StepId::as_str).collect();
        assert_eq!(order, ["b", "a", "c", "d"]);
    }

    #[test]
    fn ancestors_reach_all_the_way_back() {
        let graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("x", &[])]).unwrap();
        assert_eq!(graph.ancestors(&id("c")), BTreeSet::from([id("a"), id("b")]));
        assert_eq!(graph.needs(&id("c")), BTreeSet::from([id("b")]));
        assert_eq!(graph.dependents(&id("a")), BTreeSet::from([id("b")]));
    }

    #[test]
    fn an_edge_that_a_longer_path_implies_is_not_essential() {
        let graph =
            graph(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["a", "c"])]).unwrap();
        let edge = |(from, to): (&str, &str)| (id(from), id(to));
        assert_eq!(graph.essential_edges(), [("a", "b"), ("b", "c"), ("c", "d")].map(edge));
        let all = [("a", "b"), ("a", "c"), ("b", "c"), ("a", "d"), ("c", "d")];
        assert_eq!(graph.edges(), all.map(edge));
    }

    #[test]
    fn a_cycle_is_shown_as_its_shortest_path() {
        let error =
            graph(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"]), ("d", &["d", "a"])]).unwrap_err();
        assert_eq!(error.to_string(), "steps need one another: `d` → `d`");
        let error = graph(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"])]).unwrap_err();
        assert_eq!(error.path.len(), 3);
        for (step, need) in error.path.iter().zip(error.path.iter().cycle().skip(1)) {
            let needs = [("a", "c"), ("b", "a"), ("c", "b")];
            assert!(needs.contains(&(step.as_str(), need.as_str())), "{step} does not need {need}");
        }
    }
}
