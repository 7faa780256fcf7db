//! That nothing gets out of its quotes, and that states show in every format.

use super::*;

fn node(id: &str, state: Option<NodeState>) -> Node {
    Node {
        id: StepId::parse(id).unwrap(),
        action: "regfish.wait_issued".to_owned(),
        when: None,
        finally: false,
        paid: false,
        state,
    }
}

fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
    Edge { from: StepId::parse(from).unwrap(), to: StepId::parse(to).unwrap(), kind }
}

fn hostile() -> Drawing {
    let evil = "</title><script>alert(1)</script> \"]; x -> y; // %% #quot; \u{1b}[31m & 'a' \\";
    let mut first = node("end", None);
    first.when = Some(evil.to_owned());
    Drawing {
        title: evil.to_owned(),
        caption: Some(evil.to_owned()),
        nodes: vec![first, node("graph", None)],
        edges: vec![edge("end", "graph", EdgeKind::Needs)],
        implied: 0,
    }
}

#[test]
fn svg_text_cannot_become_markup() {
    let svg = hostile().svg();
    assert!(!svg.contains("<script") && !svg.contains("</title><"), "{svg}");
    assert!(svg.contains("&lt;script&gt;"), "{svg}");
    assert!(!svg.contains('\u{1b}'), "{svg}");
    let opened = svg.matches('<').count();
    assert_eq!(opened, svg.matches('>').count(), "{svg}");
}

#[test]
fn dot_text_cannot_leave_its_string() {
    for line in hostile().dot().lines() {
        let unescaped = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(unescaped.matches('"').count() % 2, 0, "{line}");
        let outside: String = unescaped.split('"').step_by(2).collect();
        assert!(!outside.contains("script"), "{line}");
    }
}

#[test]
fn mermaid_text_cannot_leave_its_label() {
    let mermaid = hostile().mermaid();
    let labels: Vec<&str> =
        mermaid.lines().filter(|line| line.trim_start().starts_with("s_end")).collect();
    let label = labels[0];
    assert_eq!(label.matches('"').count(), 2, "{label}");
    assert!(!label.contains("<script") && !label.contains('%'), "{label}");
    assert!(mermaid.lines().nth(1).unwrap().starts_with("title: \""), "{mermaid}");
}

#[test]
fn terminals_get_no_escape_sequences_from_a_plan() {
    let text = hostile().text(crate::report::Style::new(false)).join("\n");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn each_state_has_its_mark_in_every_format() {
    let all = [
        NodeState::Succeeded,
        NodeState::Active,
        NodeState::Waiting,
        NodeState::Parked,
        NodeState::InDoubt,
        NodeState::Failed,
        NodeState::Blocked,
        NodeState::Skipped,
        NodeState::Pending,
    ];
    let nodes: Vec<Node> =
        (0_u32..).zip(all).map(|(n, state)| node(&format!("s{n}"), Some(state))).collect();
    let drawing =
        Drawing { title: "x".to_owned(), caption: None, nodes, edges: Vec::new(), implied: 0 };
    let plain = drawing.text(crate::report::Style::new(false)).join("\n");
    for picture in [plain, drawing.mermaid(), drawing.dot(), drawing.svg()] {
        for (n, state) in all.iter().enumerate() {
            assert!(picture.contains(&format!("{} s{n}", state.mark())), "{state:?}: {picture}");
        }
    }
    let coloured = drawing.text(crate::report::Style::new(true)).join("\n");
    assert!(coloured.contains("\u{1b}[38;5;2m✓ s0"), "{coloured}");
}

#[test]
fn a_plan_that_is_too_wide_for_a_picture_is_listed_with_what_comes_first() {
    let wide: Vec<Node> = (0..40).map(|n| node(&format!("step_number_{n}"), None)).collect();
    let edges = vec![edge("step_number_0", "step_number_39", EdgeKind::Reference)];
    let drawing =
        Drawing { title: "wide".to_owned(), caption: None, nodes: wide, edges, implied: 0 };
    let text = drawing.text(crate::report::Style::new(false)).join("\n");
    assert!(!text.contains('┌') && text.contains("after step_number_0"), "{text}");
}

#[test]
fn a_plan_of_a_thousand_steps_is_drawn() {
    let nodes: Vec<Node> = (0..1000).map(|n| node(&format!("s{n}"), None)).collect();
    let edges = (1..1000).map(|n| edge(&format!("s{}", n / 4), &format!("s{n}"), EdgeKind::Needs));
    let drawing = Drawing {
        title: "long".to_owned(),
        caption: None,
        nodes,
        edges: edges.collect(),
        implied: 0,
    };
    assert!(drawing.dot().lines().count() > 1900);
    assert!(drawing.text(crate::report::Style::new(false)).len() > 1000);
}

#[test]
fn every_picture_says_how_many_edges_it_leaves_out() {
    let mut drawing = Drawing {
        title: "release".to_owned(),
        caption: None,
        nodes: vec![node("a", None), node("b", None)],
        edges: vec![edge("a", "b", EdgeKind::Needs)],
        implied: 0,
    };
    let pictures = |drawing: &Drawing| {
        let text = drawing.text(crate::report::Style::new(false)).join("\n");
        [text, drawing.mermaid(), drawing.dot(), drawing.svg()]
    };
    for picture in pictures(&drawing) {
        assert!(!picture.contains("left out"), "{picture}");
    }
    drawing.implied = 2;
    for picture in pictures(&drawing) {
        assert!(picture.contains("2 edges that longer paths imply are left out"), "{picture}");
    }
}
