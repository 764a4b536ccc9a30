//! Static analysis of a template: rejects unavailable syntax, filters and tests, and collects the variables.
//!
//! It walks minijinja's syntax tree, which has no stability guarantee: the dependency is pinned to one minor release.
//! Without it, an error in a rarely taken branch would surface only when some recipient's data takes it.

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;

use super::data::CONTACT;
use super::environment::{FILTERS, NAME, TESTS};
use super::variable::Variable;
use crate::domain::violation::Violation;

pub(super) struct Checked {
    /// In order of first occurrence.
    pub(super) variables: Vec<Variable>,
    pub(super) has_loops: bool,
}

pub(super) fn check(text: &str) -> Result<Checked, Violation> {
    let template =
        parse(text, NAME, SyntaxConfig::default()).map_err(|error| syntax_violation(text, &error))?;
    let mut checker = Checker { text, ..Checker::default() };
    checker.statement(&template)?;
    Ok(Checked { variables: checker.variables, has_loops: checker.has_loops })
}

/// A parser error with its position.
pub(super) fn syntax_violation(text: &str, error: &minijinja::Error) -> Violation {
    let offset = error.range().map_or(0, |range| range.start);
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    violation(text, offset, message)
}

/// Lines and columns count from 1, columns in characters.
fn violation(text: &str, offset: usize, message: impl Into<String>) -> Violation {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Violation::TemplateSyntax { line, column, message: message.into() }
}

#[derive(Default)]
struct Checker<'a> {
    text: &'a str,
    variables: Vec<Variable>,
    has_loops: bool,
    /// Names bound by the enclosing loops.
    bound: Vec<&'a str>,
    /// Variables that the enclosing conditions test for.
    guarded: Vec<String>,
    /// Nesting depth of statements and expressions.
    depth: usize,
}

/// The engine recurses over the tree: a long chain of operators would overflow the stack.
const MAX_DEPTH: usize = 64;

type CheckResult = Result<(), Violation>;

impl<'a> Checker<'a> {
    fn refuse(&self, span: Span, message: impl Into<String>) -> CheckResult {
        Err(violation(self.text, span.start_offset as usize, message))
    }

    fn statements(&mut self, statements: &[Stmt<'a>]) -> CheckResult {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'a>) -> CheckResult {
        self.depth += 1;
        let checked = self.statement_within(statement);
        self.depth -= 1;
        checked
    }

    fn statement_within(&mut self, statement: &Stmt<'a>) -> CheckResult {
        let (span, name) = match statement {
            Stmt::Template(template) => return self.statements(&template.children),
            Stmt::EmitRaw(_) => return Ok(()),
            Stmt::EmitExpr(emit) => return self.expression(&emit.expr, true),
            _ if self.depth >= MAX_DEPTH => {
                // Only statements with a body nest that deeply.
                return Err(violation(self.text, 0, format!("it is nested deeper than {MAX_DEPTH} levels")));
            }
            Stmt::IfCond(condition) => {
                self.expression(&condition.expr, false)?;
                let outside = self.guarded.len();
                self.guard(&condition.expr);
                self.statements(&condition.true_body)?;
                self.guarded.truncate(outside);
                return self.statements(&condition.false_body);
            }
            Stmt::ForLoop(each) => {
                if each.recursive {
                    return self.refuse(each.span(), "a recursive loop is not available in templates");
                }
                self.has_loops = true;
                self.expression(&each.iter, true)?;
                let outside = self.bound.len();
                self.bound.push("loop");
                self.bind(&each.target);
                each.filter_expr.iter().try_for_each(|filter| self.expression(filter, false))?;
                self.statements(&each.body)?;
                self.bound.truncate(outside);
                return self.statements(&each.else_body);
            }
            Stmt::WithBlock(it) => (it.span(), "with"),
            Stmt::Set(it) => (it.span(), "set"),
            Stmt::SetBlock(it) => (it.span(), "set"),
            Stmt::AutoEscape(it) => (it.span(), "autoescape"),
            Stmt::FilterBlock(it) => (it.span(), "filter"),
            Stmt::Do(it) => (it.span(), "do"),
        };
        self.refuse(span, format!("{name} is not available in templates"))
    }

    /// `needed`: whether the value is used, as opposed to tested for existence or replaced by a default.
    fn expression(&mut self, expression: &Expr<'a>, needed: bool) -> CheckResult {
        if self.depth >= MAX_DEPTH {
            return self.refuse(expression.span(), format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let checked = self.expression_within(expression, needed);
        self.depth -= 1;
        checked
    }

    fn expression_within(&mut self, expression: &Expr<'a>, needed: bool) -> CheckResult {
        if let Some(path) = path(expression) {
            return self.variable(&path, needed, expression.span());
        }
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::GetAttr(it) => self.expression(&it.expr, needed),
            Expr::GetItem(it) => {
                self.expression(&it.expr, needed)?;
                self.expression(&it.subscript_expr, true)
            }
            Expr::Slice(it) => {
                // Slicing costs more than fetching, and the meter charges on fetch: only fetched values may be
                // sliced.
                let fetched = path(&it.expr)
                    .is_some_and(|path| path.first().is_some_and(|name| !self.bound.contains(name)));
                if !fetched {
                    let message = "only variables from the recipient's own data can be sliced";
                    return self.refuse(it.span(), message);
                }
                self.expression(&it.expr, needed)?;
                [&it.start, &it.stop, &it.step]
                    .into_iter()
                    .flatten()
                    .try_for_each(|bound| self.expression(bound, true))
            }
            Expr::UnaryOp(it) => self.expression(&it.expr, needed && !matches!(it.op, UnaryOpKind::Not)),
            Expr::BinOp(it) => match it.op {
                // `text * number` would let a short template produce a long text.
                BinOpKind::Mul => self.refuse(it.span(), "* is not available in templates"),
                BinOpKind::Pow => self.refuse(it.span(), "** is not available in templates"),
                BinOpKind::Sub => {
                    if let Some(name) = self.hyphenated(it.span(), &it.right) {
                        let rule = "names consist of letters, digits and _; to subtract, put spaces around -";
                        return self.refuse(it.span(), format!("{name} is not a valid name: {rule}"));
                    }
                    self.expression(&it.left, true)?;
                    self.expression(&it.right, true)
                }
                BinOpKind::ScAnd | BinOpKind::ScOr => {
                    self.expression(&it.left, false)?;
                    self.expression(&it.right, needed)
                }
                _ => {
                    self.expression(&it.left, true)?;
                    self.expression(&it.right, true)
                }
            },
            Expr::Compare(it) => {
                self.expression(&it.expr, true)?;
                it.ops.iter().try_for_each(|op| self.expression(&op.expr, true))
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr, false)?;
                let outside = self.guarded.len();
                self.guard(&it.test_expr);
                self.expression(&it.true_expr, needed)?;
                self.guarded.truncate(outside);
                it.false_expr.iter().try_for_each(|other| self.expression(other, needed))
            }
            Expr::Filter(it) => {
                if !FILTERS.contains(&it.name) {
                    return self.refuse(it.span(), unavailable("filter", it.name, FILTERS));
                }
                let has_default = ["default", "d"].contains(&it.name);
                it.expr.iter().try_for_each(|input| self.expression(input, needed && !has_default))?;
                self.arguments(&it.args, needed)
            }
            Expr::Test(it) => {
                if !TESTS.contains(&it.name) {
                    return self.refuse(it.span(), unavailable("test", it.name, TESTS));
                }
                self.expression(&it.expr, false)?;
                self.arguments(&it.args, true)
            }
            Expr::Call(it) => self.refuse(it.span(), "functions are not available in templates"),
            Expr::List(it) => it.items.iter().try_for_each(|item| self.expression(item, true)),
            Expr::Tuple(it) => it.items.iter().try_for_each(|item| self.expression(item, true)),
            Expr::Map(it) => {
                it.keys.iter().chain(&it.values).try_for_each(|item| self.expression(item, true))
            }
        }
    }

    /// The words around a `-` without spaces: the engine would subtract where a name such as `FIRST-NAME` was
    /// intended.
    fn hyphenated(&self, whole: Span, right: &Expr<'a>) -> Option<&'a str> {
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
        let (start, middle) =
            (whole.start_offset as usize, first_operand(right).span().start_offset as usize);
        let left = self.text.get(start..middle)?.strip_suffix('-')?;
        let before = left.char_indices().rfind(|(_, character)| !is_word(*character) && *character != '-');
        let name = start + before.map_or(0, |(index, character)| index + character.len_utf8());
        let rest = self.text.get(middle..)?;
        let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        let begins =
            self.text[name..].starts_with(|character: char| character.is_alphabetic() || character == '_');
        let is_name = begins && left.ends_with(is_word) && length > 0;
        is_name.then(|| self.text.get(name..middle + length)).flatten()
    }

    fn arguments(&mut self, arguments: &[CallArg<'a>], needed: bool) -> CheckResult {
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(expression)
            | CallArg::Kwarg(_, expression)
            | CallArg::PosSplat(expression)
            | CallArg::KwargSplat(expression) => self.expression(expression, needed),
        })
    }

    fn variable(&mut self, path: &[&str], needed: bool, span: Span) -> CheckResult {
        let [first, rest @ ..] = path else { return Ok(()) };
        if self.bound.contains(first) {
            return Ok(());
        }
        if *first == "contact" {
            let known = matches!(rest, [field] if CONTACT.contains(field));
            if !known {
                let message = format!("the members of contact are {}", join(CONTACT));
                return self.refuse(span, message);
            }
        }
        let name = path.join(".");
        let required = needed && !self.guarded.contains(&name);
        match self.variables.iter_mut().find(|variable| variable.name == name) {
            Some(known) => known.required |= required,
            None => self.variables.push(Variable { name, required }),
        }
        Ok(())
    }

    /// Records the variables that a condition tests for: within its body they exist.
    fn guard(&mut self, condition: &Expr<'a>) {
        match condition {
            Expr::Test(it) if it.name == "defined" => self.guard(&it.expr),
            Expr::BinOp(it) if matches!(it.op, BinOpKind::ScAnd) => {
                self.guard(&it.left);
                self.guard(&it.right);
            }
            other => self.guarded.extend(path(other).map(|path| path.join("."))),
        }
    }

    fn bind(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(variable) => self.bound.push(variable.id),
            Expr::List(it) => it.items.iter().for_each(|item| self.bind(item)),
            Expr::Tuple(it) => it.items.iter().for_each(|item| self.bind(item)),
            _ => {}
        }
    }
}

/// The leftmost operand. (The span of a filter begins at the filter's name.)
fn first_operand<'e, 'a>(mut expression: &'e Expr<'a>) -> &'e Expr<'a> {
    loop {
        expression = match expression {
            Expr::Filter(it) => match &it.expr {
                Some(input) => input,
                None => return expression,
            },
            Expr::Test(it) => &it.expr,
            _ => return expression,
        };
    }
}

/// The names in `A.B.C`; `None` for any other expression and for paths longer than [`MAX_DEPTH`].
fn path<'a>(mut expression: &Expr<'a>) -> Option<Vec<&'a str>> {
    let mut names = Vec::new();
    while names.len() < MAX_DEPTH {
        match expression {
            Expr::Var(variable) => {
                names.push(variable.id);
                names.reverse();
                return Some(names);
            }
            Expr::GetAttr(it) => {
                names.push(it.name);
                expression = &it.expr;
            }
            _ => return None,
        }
    }
    None
}

fn unavailable(kind: &str, name: &str, available: &[&str]) -> String {
    format!("there is no {kind} {name}; available: {}", join(available))
}

fn join(names: &[&str]) -> String {
    names.join(", ")
}
