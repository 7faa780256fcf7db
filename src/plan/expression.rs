//! `infer_expression` and `infer_text`: of which type the value of an expression is, as far as that is
//! certain, and what in it can never be evaluated.
//!
//! The syntax tree is the one that is evaluated later, so that both agree on what belongs to what. It
//! knows nothing of the plan: what a path reads is told by its caller, [`Reads`]. Where anything is in
//! doubt the result is unknown, and nothing is reported.

pub(super) mod conditions;
mod filter;
mod operator;

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::{parse, parse_expr};
use minijinja::value::ValueKind;

use super::filters::FUNCTIONS;
use super::shape::Shape;

/// Expressions that are nested deeper are not looked at.
const DEEPEST: usize = 100;

/// What the paths of a template read: for the place where one begins, how many names and indices it
/// has and the shape of its value.
pub(super) type Reads<'r> = dyn Fn(usize) -> Option<(usize, Shape)> + 'r;

/// Something in a template that can never be evaluated, or is never meant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    /// Where it stands in the template.
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) remark: String,
    /// What to write instead, and in the place of what.
    pub(super) instead: Option<(Range<usize>, String)>,
    pub(super) help: Option<String>,
}

/// What is certain of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inferred {
    pub(super) shape: Shape,
    /// The values of which it has one: the branches of a choice, or the whole.
    pub(super) ends: Vec<End>,
    pub(super) faults: Vec<Fault>,
}

/// A value that an expression may have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End {
    /// Where it stands in the template.
    pub(super) range: Range<usize>,
    pub(super) shape: Shape,
    /// Whether a filter behind it is one of all of it.
    pub(super) is_simple: bool,
    /// The value, where it is written out.
    pub(super) constant: Option<serde_json::Value>,
}

/// What is certain of an expression; nothing when it is none.
pub(super) fn infer_expression(code: &str, reads: &Reads<'_>) -> Option<Inferred> {
    let expression = parse_expr(code).ok()?;
    let mut inference = Inference::of(code, reads);
    let shape = inference.expression(&expression);
    let faults = std::mem::take(&mut inference.faults);
    let mut ends = Vec::new();
    inference.ends(&expression, &mut ends);
    let is_whole = match &expression {
        Expr::BinOp(it) => !is_choice(it.op),
        other => !matches!(other, Expr::IfExpr(_)),
    };
    if let (true, [end]) = (is_whole, ends.as_mut_slice()) {
        // Parentheses around it are a part of it.
        end.range = 0..code.len();
    }
    Some(Inferred { shape, ends, faults })
}

/// What can never be evaluated in a text with templates in it.
pub(super) fn infer_text(text: &str, reads: &Reads<'_>) -> Vec<Fault> {
    let Ok(statement) = parse(text, "text", Default::default()) else { return Vec::new() };
    let mut inference = Inference::of(text, reads);
    inference.statement(&statement);
    inference.faults
}

struct Inference<'c> {
    code: &'c str,
    reads: &'c Reads<'c>,
    /// The names that loops around bind, innermost last.
    scope: Vec<(String, Shape)>,
    depth: usize,
    faults: Vec<Fault>,
}

/// Where an expression stands; without parentheses around it.
fn range(expression: &Expr<'_>, code: &str) -> Range<usize> {
    start(expression, code)..expression.span().end_offset as usize
}

/// Where an expression begins. The spans of the parser begin there only for some: with what follows a
/// value they begin in the middle, and with a comparison before it.
fn start(expression: &Expr<'_>, code: &str) -> usize {
    let mut first = expression;
    loop {
        first = match first {
            Expr::Slice(it) => &it.expr,
            Expr::BinOp(it) => &it.left,
            Expr::Compare(it) => &it.expr,
            Expr::IfExpr(it) => &it.true_expr,
            Expr::Test(it) => &it.expr,
            Expr::GetAttr(it) => &it.expr,
            Expr::GetItem(it) => &it.expr,
            Expr::Call(it) => &it.expr,
            Expr::Filter(it) => match &it.expr {
                Some(inside) => inside,
                None => break,
            },
            // `x is not defined`, `x not in y`
            Expr::UnaryOp(it) if matches!(it.expr, Expr::Test(_) | Expr::BinOp(_)) => {
                let own = it.span().start_offset as usize;
                let is_before = code.get(own..).is_some_and(|code| code.starts_with(['n', '-']));
                let inner = start(&it.expr, code);
                return if is_before { own.min(inner) } else { inner };
            }
            _ => break,
        };
    }
    first.span().start_offset as usize
}

impl<'c> Inference<'c> {
    fn of(code: &'c str, reads: &'c Reads<'c>) -> Self {
        Self { code, reads, scope: Vec::new(), depth: 0, faults: Vec::new() }
    }

    /// Where an expression stands, and the parentheses that belong to it.
    fn place(&self, expression: &Expr<'_>) -> Range<usize> {
        self.balanced(range(expression, self.code))
    }

    /// A part of the code with the parentheses that it closes.
    fn balanced(&self, range: Range<usize>) -> Range<usize> {
        let Some(written) = self.code.get(range.clone()) else { return 0..self.code.len() };
        let mut open = written.matches(')').count().saturating_sub(written.matches('(').count());
        let mut start = range.start;
        while open > 0 {
            let Some(before) = self.code[..start].trim_end().strip_suffix('(') else { break };
            start = before.len();
            open -= 1;
        }
        start..range.end
    }

    fn written(&self, range: &Range<usize>) -> String {
        let text = self.code.get(range.clone()).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        crate::types::shorten(&crate::types::printable(&words.join(" ")), 60)
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(it) => it.children.iter().for_each(|child| self.statement(child)),
            Stmt::EmitExpr(it) => {
                self.expression(&it.expr);
            }
            Stmt::ForLoop(it) => {
                let shape = self.expression(&it.iter);
                let place = self.place(&it.iter);
                self.needs_items(&shape, place);
                let before = self.scope.len();
                self.bind(&it.target, shape.item());
                self.scope.push(("loop".to_owned(), Shape::unknown()));
                if let Some(filter) = &it.filter_expr {
                    self.expression(filter);
                }
                it.body.iter().for_each(|child| self.statement(child));
                self.scope.truncate(before);
                it.else_body.iter().for_each(|child| self.statement(child));
            }
            Stmt::IfCond(it) => {
                self.expression(&it.expr);
                it.true_body.iter().chain(&it.false_body).for_each(|child| self.statement(child));
            }
            // The other statements are none of a plan's.
            _ => {}
        }
    }

    /// Binds the names before `in`.
    fn bind(&mut self, target: &Expr<'_>, shape: Shape) {
        match target {
            Expr::Var(it) => self.scope.push((it.id.to_owned(), shape)),
            Expr::List(it) => {
                it.items.iter().for_each(|item| self.bind(item, Shape::unknown()));
            }
            Expr::Tuple(it) => {
                it.items.iter().for_each(|item| self.bind(item, Shape::unknown()));
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) -> Shape {
        if self.depth == DEEPEST {
            return Shape::unknown();
        }
        self.depth += 1;
        let shape = self.shape(expression);
        self.depth -= 1;
        shape
    }

    fn shape(&mut self, expression: &Expr<'_>) -> Shape {
        match expression {
            Expr::Const(it) => constant(&it.value),
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.path(expression),
            Expr::Slice(it) => {
                for bound in [&it.start, &it.stop, &it.step].into_iter().flatten() {
                    self.expression(bound);
                }
                let shape = self.expression(&it.expr);
                self.slice(shape, self.place(&it.expr))
            }
            Expr::UnaryOp(it) => self.unary(&it.op, &it.expr),
            Expr::BinOp(it) => self.binary(it.op, &it.left, &it.right),
            Expr::Compare(it) => {
                self.expression(&it.expr);
                it.ops.iter().for_each(|op| drop(self.expression(&op.expr)));
                Shape::boolean()
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr);
                let shape = self.expression(&it.true_expr);
                match &it.false_expr {
                    Some(other) => shape.either(self.expression(other)),
                    None => shape,
                }
            }
            Expr::Filter(it) => match &it.expr {
                Some(inside) => {
                    let input = self.expression(inside);
                    let end = it.span().end_offset as usize;
                    let from = it.span().start_offset as usize;
                    self.filter(it.name, (inside, input), &it.args, from..end)
                }
                None => Shape::unknown(),
            },
            Expr::Test(it) => {
                self.expression(&it.expr);
                self.arguments(&it.args);
                Shape::boolean()
            }
            Expr::Call(it) => {
                self.arguments(&it.args);
                match &it.expr {
                    Expr::Var(name) if FUNCTIONS.contains(&name.id) => {
                        Shape::list(Shape::integer())
                    }
                    _ => Shape::unknown(),
                }
            }
            Expr::List(it) => self.items(&it.items),
            Expr::Tuple(it) => self.items(&it.items),
            Expr::Map(it) => {
                it.keys.iter().chain(&it.values).for_each(|part| drop(self.expression(part)));
                Shape::Of(super::value_type::ValueType::Map)
            }
        }
    }

    fn items(&mut self, items: &[Expr<'_>]) -> Shape {
        let shapes: Vec<Shape> = items.iter().map(|item| self.expression(item)).collect();
        Shape::list(shapes.into_iter().reduce(Shape::either).unwrap_or_else(Shape::unknown))
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

    /// A name with everything that is looked up in it.
    fn path(&mut self, expression: &Expr<'_>) -> Shape {
        let mut links = Vec::new();
        let mut root = expression;
        loop {
            root = match root {
                Expr::GetAttr(it) => &it.expr,
                Expr::GetItem(it) => &it.expr,
                _ => break,
            };
            links.push(root);
            if links.len() > DEEPEST {
                return Shape::unknown();
            }
        }
        // From the root on: each link is looked up in the one before.
        let chain: Vec<&Expr<'_>> = links.iter().rev().copied().chain([expression]).collect();
        let (mut shape, known) = match root {
            Expr::Var(it) => match self.scope.iter().rev().find(|(name, _)| name == it.id) {
                Some((_, shape)) => (shape.clone(), 1),
                None => match (self.reads)(it.span().start_offset as usize) {
                    Some((count, shape)) if count <= chain.len() => (shape, count),
                    _ => (Shape::unknown(), 1),
                },
            },
            _ => (self.expression(root), 1),
        };
        for link in &chain[known.min(chain.len())..] {
            shape = match link {
                Expr::GetAttr(it) => self.attribute(&shape, it.name),
                Expr::GetItem(it) => {
                    let index = self.expression(&it.subscript_expr);
                    self.look_up(&shape, &it.subscript_expr, &index)
                }
                _ => Shape::unknown(),
            };
        }
        shape
    }

    /// What a name gives in something that is no path of the plan; paths were checked with it.
    fn attribute(&self, shape: &Shape, name: &str) -> Shape {
        shape.field(name).unwrap_or_else(Shape::unknown)
    }

    fn look_up(&self, shape: &Shape, subscript: &Expr<'_>, index: &Shape) -> Shape {
        match (shape, subscript) {
            (Shape::List(item), _) if index.is_integer() => (**item).clone(),
            (_, Expr::Const(name)) if shape.is_map() => {
                name.value.as_str().map_or_else(Shape::unknown, |name| self.attribute(shape, name))
            }
            _ => Shape::unknown(),
        }
    }

    fn slice(&mut self, shape: Shape, place: Range<usize>) -> Shape {
        if shape.is_text() {
            return Shape::text();
        }
        if shape == Shape::Null {
            return Shape::list(Shape::unknown());
        }
        if shape.is_map() || shape.is_number() || shape.is_boolean() {
            let written = self.written(&place);
            self.faults.push(Fault {
                code: "operand-type",
                range: place,
                message: format!("no part can be cut out of `{written}`"),
                remark: format!("this is {}", a(&shape)),
                instead: None,
                help: Some("only lists and texts have an order: `…[1:]`".to_owned()),
            });
            return Shape::unknown();
        }
        shape
    }

    fn needs_items(&mut self, shape: &Shape, place: Range<usize>) {
        if shape.is_number() || shape.is_boolean() {
            let written = self.written(&place);
            self.faults.push(Fault {
                code: "operand-type",
                range: place,
                message: format!("`{written}` has no items"),
                remark: format!("this is {}", a(shape)),
                instead: None,
                help: shape.is_number().then(|| "so many times is `range(…)`".to_owned()),
            });
        }
    }

    /// The values of which an expression has one. What is wrong in them was reported.
    fn ends(&mut self, expression: &Expr<'_>, ends: &mut Vec<End>) {
        match expression {
            Expr::IfExpr(it) if self.depth < DEEPEST => {
                self.depth += 1;
                self.ends(&it.true_expr, ends);
                if let Some(other) = &it.false_expr {
                    self.ends(other, ends);
                }
                self.depth -= 1;
            }
            // What `and` gives otherwise is false, or as empty as that.
            Expr::BinOp(it) if is_choice(it.op) && self.depth < DEEPEST => {
                self.depth += 1;
                if matches!(it.op, BinOpKind::ScOr) {
                    self.ends(&it.left, ends);
                }
                self.ends(&it.right, ends);
                self.depth -= 1;
            }
            Expr::Filter(it) if matches!(it.name, "default" | "d") => {
                match (&it.expr, it.args.as_slice()) {
                    (Some(inside), [CallArg::Pos(other)]) => {
                        ends.extend([self.end(inside), self.end(other)]);
                    }
                    _ => ends.push(self.end(expression)),
                }
            }
            _ => ends.push(self.end(expression)),
        }
        self.faults.clear();
    }

    fn end(&mut self, expression: &Expr<'_>) -> End {
        let shape = self.expression(expression);
        let range = self.place(expression);
        let constant = match expression {
            Expr::Const(it) if !it.value.is_none() => serde_json::to_value(&it.value).ok(),
            _ => None,
        };
        End { range, shape, is_simple: is_simple(expression), constant }
    }
}

/// Whether an operator gives one of its operands.
fn is_choice(op: BinOpKind) -> bool {
    matches!(op, BinOpKind::ScAnd | BinOpKind::ScOr)
}

/// Whether a filter behind it is one of all of it.
fn is_simple(expression: &Expr<'_>) -> bool {
    matches!(
        expression,
        Expr::Var(_)
            | Expr::GetAttr(_)
            | Expr::GetItem(_)
            | Expr::Slice(_)
            | Expr::Filter(_)
            | Expr::Call(_)
            | Expr::Const(_)
            | Expr::List(_)
    )
}

/// A shape with its article.
fn a(shape: &Shape) -> String {
    match shape {
        Shape::Null => "null".to_owned(),
        _ => crate::document::decode::with_article(&shape.to_string()),
    }
}

fn constant(value: &minijinja::Value) -> Shape {
    match value.kind() {
        ValueKind::None => Shape::Null,
        ValueKind::Bool => Shape::boolean(),
        ValueKind::Number if value.is_integer() => Shape::integer(),
        ValueKind::Number => Shape::Float,
        ValueKind::String => Shape::text(),
        _ => Shape::unknown(),
    }
}

#[cfg(test)]
mod tests;
