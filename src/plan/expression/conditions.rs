//! What is known to hold where a template reads something: behind `if`, `and`, `or` and the like.
//!
//! Conditions are compared as they are written, but for white space and parentheses. Two that mean the
//! same and are written in different ways are two.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{parse, parse_expr};

use super::{DEEPEST, Inference, Shape};

/// Where a name stands in a template, and the conditions that hold whenever it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct Held {
    pub(in crate::plan) start: usize,
    pub(in crate::plan) conditions: Vec<String>,
}

/// The parts of a condition that must all hold: what `and` joins.
pub(in crate::plan) fn conjuncts(condition: &str) -> Vec<String> {
    let Ok(expression) = parse_expr(condition) else { return Vec::new() };
    let mut found = Vec::new();
    Walk::of(condition).collect(&expression, true, &mut found);
    found
}

/// What holds where each name of an expression is read.
pub(in crate::plan) fn held_in_expression(code: &str) -> Vec<Held> {
    let Ok(expression) = parse_expr(code) else { return Vec::new() };
    let mut walk = Walk::of(code);
    walk.expression(&expression);
    walk.found
}

/// What holds where each name of a text with templates in it is read.
pub(in crate::plan) fn held_in_text(text: &str) -> Vec<Held> {
    let Ok(statement) = parse(text, "text", Default::default()) else { return Vec::new() };
    let mut walk = Walk::of(text);
    walk.statement(&statement);
    walk.found
}

struct Walk<'c> {
    code: &'c str,
    holds: Vec<String>,
    found: Vec<Held>,
    depth: usize,
}

impl<'c> Walk<'c> {
    fn of(code: &'c str) -> Self {
        Self { code, holds: Vec::new(), found: Vec::new(), depth: 0 }
    }

    /// An expression as it is written, without needless white space.
    fn written(&self, expression: &Expr<'_>) -> String {
        let nothing = |_: usize| None::<(usize, Shape)>;
        let place = Inference::of(self.code, &nothing).place(expression);
        let words: Vec<&str> =
            self.code.get(place).unwrap_or_default().split_whitespace().collect();
        words.join(" ")
    }

    /// What is known when the condition is true, or when it is false.
    fn collect(&self, condition: &Expr<'_>, is_true: bool, known: &mut Vec<String>) {
        match (condition, is_true) {
            (Expr::BinOp(it), true) if matches!(it.op, BinOpKind::ScAnd) => {
                self.collect(&it.left, true, known);
                self.collect(&it.right, true, known);
            }
            (Expr::BinOp(it), false) if matches!(it.op, BinOpKind::ScOr) => {
                self.collect(&it.left, false, known);
                self.collect(&it.right, false, known);
            }
            (Expr::UnaryOp(it), _) if matches!(it.op, UnaryOpKind::Not) => {
                let is_asked = matches!(&it.expr, Expr::Test(test) if is_about_presence(test.name));
                let written = self.written(condition);
                match written.starts_with("not") || is_asked {
                    true => self.collect(&it.expr, !is_true, known),
                    // `a not in b`
                    false if is_true => known.push(written),
                    false => known.push(format!("not {written}")),
                }
            }
            (Expr::Test(it), _) if is_about_presence(it.name) => {
                let is_there = (it.name == "defined") == is_true;
                let state = if is_there { "defined" } else { "undefined" };
                known.push(format!("{} is {state}", self.written(&it.expr)));
            }
            (other, true) => known.push(self.written(other)),
            (other, false) => known.push(format!("not {}", self.written(other))),
        }
    }

    /// Looks at a part that is evaluated only when the condition has this result.
    fn under(&mut self, condition: &Expr<'_>, is_true: bool, part: impl FnOnce(&mut Self)) {
        let before = self.holds.len();
        let mut known = Vec::new();
        self.collect(condition, is_true, &mut known);
        self.holds.append(&mut known);
        part(self);
        self.holds.truncate(before);
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(it) => it.children.iter().for_each(|child| self.statement(child)),
            Stmt::EmitExpr(it) => self.expression(&it.expr),
            Stmt::ForLoop(it) => {
                self.expression(&it.iter);
                it.filter_expr.iter().for_each(|filter| self.expression(filter));
                it.body.iter().chain(&it.else_body).for_each(|child| self.statement(child));
            }
            Stmt::IfCond(it) => {
                self.expression(&it.expr);
                self.under(&it.expr, true, |walk| {
                    it.true_body.iter().for_each(|child| walk.statement(child));
                });
                self.under(&it.expr, false, |walk| {
                    it.false_body.iter().for_each(|child| walk.statement(child));
                });
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        if self.depth == DEEPEST {
            return;
        }
        self.depth += 1;
        self.parts(expression);
        self.depth -= 1;
    }

    fn parts(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(it) => self.found.push(Held {
                start: it.span().start_offset as usize,
                conditions: self.holds.clone(),
            }),
            Expr::Const(_) => {}
            Expr::Slice(it) => {
                self.expression(&it.expr);
                for bound in [&it.start, &it.stop, &it.step].into_iter().flatten() {
                    self.expression(bound);
                }
            }
            Expr::UnaryOp(it) => self.expression(&it.expr),
            Expr::BinOp(it) => {
                self.expression(&it.left);
                match it.op {
                    BinOpKind::ScAnd => {
                        self.under(&it.left, true, |walk| walk.expression(&it.right));
                    }
                    BinOpKind::ScOr => {
                        self.under(&it.left, false, |walk| walk.expression(&it.right));
                    }
                    _ => self.expression(&it.right),
                }
            }
            Expr::Compare(it) => {
                self.expression(&it.expr);
                it.ops.iter().for_each(|op| self.expression(&op.expr));
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr);
                self.under(&it.test_expr, true, |walk| walk.expression(&it.true_expr));
                if let Some(other) = &it.false_expr {
                    self.under(&it.test_expr, false, |walk| walk.expression(other));
                }
            }
            Expr::Filter(it) => {
                it.expr.iter().for_each(|inside| self.expression(inside));
                self.arguments(&it.args);
            }
            Expr::Test(it) => {
                self.expression(&it.expr);
                self.arguments(&it.args);
            }
            Expr::GetAttr(it) => self.expression(&it.expr),
            Expr::GetItem(it) => {
                self.expression(&it.expr);
                self.expression(&it.subscript_expr);
            }
            Expr::Call(it) => {
                self.expression(&it.expr);
                self.arguments(&it.args);
            }
            Expr::List(it) => it.items.iter().for_each(|item| self.expression(item)),
            Expr::Tuple(it) => it.items.iter().for_each(|item| self.expression(item)),
            Expr::Map(it) => {
                it.keys.iter().chain(&it.values).for_each(|part| self.expression(part));
            }
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            let (CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value)) = argument;
            self.expression(value);
        }
    }
}

/// Whether a test asks if there is something at all.
fn is_about_presence(test: &str) -> bool {
    matches!(test, "defined" | "undefined")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds where `it` is read.
    fn at_it(code: &str) -> Vec<String> {
        let held = match code.contains("{%") {
            true => held_in_text(code),
            false => held_in_expression(code),
        };
        let start = code.find("it.").unwrap();
        held.into_iter().find(|held| held.start == start).unwrap().conditions
    }

    #[test]
    fn a_condition_is_taken_apart_where_all_of_its_parts_must_hold() {
        assert_eq!(conjuncts("a.b and (c == 'x') and not  d.e"), ["a.b", "c == 'x'", "not d.e"]);
        assert_eq!(conjuncts("a or b"), ["a or b"]);
        assert_eq!(conjuncts("not (a or b)"), ["not a", "not b"]);
        assert_eq!(conjuncts("not not a"), ["a"]);
        assert_eq!(conjuncts("a.b is not defined"), ["a.b is undefined"]);
        assert_eq!(conjuncts("a and b == 1 and c not in d"), ["a", "b == 1", "c not in d"]);
        assert_eq!(conjuncts("a and"), Vec::<String>::new());
    }

    #[test]
    fn what_holds_is_known_where_something_is_read() {
        for (code, holds) in [
            ("it.x if a.b else 1", vec!["a.b"]),
            ("1 if a.b else it.x", vec!["not a.b"]),
            ("1 if not a.b else it.x", vec!["a.b"]),
            ("a.b and c and it.x", vec!["a.b", "c"]),
            ("it.x and a.b", vec![]),
            ("not a or it.x", vec!["a"]),
            ("a or it.x", vec!["not a"]),
            ("it.x == 1 if a == 2 and b else 3", vec!["a == 2", "b"]),
            ("[1 if a else (2 ~ it.x[0])]", vec!["not a"]),
            ("{% if a %}{% if b %}{{ it.x }}{% endif %}{% endif %}", vec!["a", "b"]),
            ("{% if a %}1{% elif b %}2{% else %}{{ it.x }}{% endif %}", vec!["not a", "not b"]),
            ("{% for i in [1] if a %}{{ it.x }}{% endfor %}", vec![]),
        ] {
            assert_eq!(at_it(code), holds, "{code}");
        }
    }
}
