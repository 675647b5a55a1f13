//! A condition on columns, as SQL writes it: `gopher_quality.words >= 100 and language.label == 'en'`.
//!
//! Parsed by `sqlparser`, evaluated column by column with Arrow's kernels. Comparisons, `and`, `or`, `not`, `+ - * /`,
//! `between`, `in (…)`, `is null`; a value that is not there makes a condition neither true nor false, as in SQL.

use arrow_arith::{boolean, numeric};
use arrow_array::{Array, ArrayRef, BooleanArray, Datum, Float64Array, RecordBatch, Scalar, StringArray, UInt64Array};
use arrow_ord::cmp;
use arrow_schema::{ArrowError, DataType, Schema};
use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;
use std::sync::Arc;

/// Why a condition is none.
#[derive(Debug, thiserror::Error)]
#[error("in the condition `{text}`: {why}")]
pub struct ConditionError {
    text: String,
    why: String,
}

/// A condition, its columns found.
pub struct Condition {
    text: String,
    root: Node,
    columns: Vec<String>,
}

enum Node {
    Column(String),
    Number(f64),
    Text(String),
    Truth(bool),
    Not(Box<Node>),
    IsNull(Box<Node>),
    Binary(BinaryOperator, Box<Node>, Box<Node>),
}

type Answer = Result<Operand, ArrowError>;

enum Operand {
    Column(ArrayRef),
    Number(Scalar<Float64Array>),
    Text(Scalar<StringArray>),
    Truth(BooleanArray),
}

impl Condition {
    /// Reads a condition over the columns of `schema`. A column may be named without its stage where no other stage has one
    /// of that name; a name in double quotes that is no column is a text.
    ///
    /// # Errors
    /// For what is no condition, and for columns there are not.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, ConditionError> {
        let failed = |why: String| ConditionError { text: text.to_owned(), why };
        let mut parser = Parser::new(&GenericDialect {}).try_with_sql(text).map_err(|e| failed(e.to_string()))?;
        let parsed = parser.parse_expr().map_err(|e| failed(e.to_string()))?;
        let rest = parser.peek_token();
        if rest.token != Token::EOF {
            return Err(failed(format!("`{}` does not belong there", rest.token)));
        }
        let mut columns = Vec::new();
        let root = node(parsed, schema, &mut columns).map_err(failed)?;
        columns.sort_unstable();
        columns.dedup();
        let condition = Condition { text: text.to_owned(), root, columns };
        // Types are told by trying: on a table without rows.
        condition.holds(&RecordBatch::new_empty(Arc::new(schema.clone())))?;
        Ok(condition)
    }

    /// The columns it asks for, by their full names.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// For each row whether it holds; null where that depends on a value that is not there.
    ///
    /// # Errors
    /// Where texts are compared with numbers.
    pub fn holds(&self, table: &RecordBatch) -> Result<BooleanArray, ConditionError> {
        let failed = |why: String| ConditionError { text: self.text.clone(), why };
        match self.root.evaluate(table).map_err(|e| failed(e.to_string()))? {
            Operand::Truth(truth) => Ok(truth),
            _ => Err(failed("it is a value; compare it with something".to_owned())),
        }
    }
}

/// The column of this name, or the only one that ends with it.
fn column(name: &str, schema: &Schema) -> Result<String, String> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    if names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let ending: Vec<&str> = names().filter(|n| n.rsplit_once('.').is_some_and(|(_, last)| last == name)).collect();
    match ending[..] {
        [one] => Ok(one.to_owned()),
        [] => {
            let alone = names().filter_map(|known| Some(known.rsplit_once('.')?.1));
            let alike = crate::rules::most_alike(name, names().chain(alone)).map(|a| format!(" (did you mean `{a}`?)"));
            Err(format!("there is no column `{name}`{}", alike.unwrap_or_default()))
        }
        _ => Err(format!("`{name}` may be any of {}: say which", ending.join(", "))),
    }
}

fn node(expr: Expr, schema: &Schema, columns: &mut Vec<String>) -> Result<Node, String> {
    let mut one = |expr: Box<Expr>| node(*expr, schema, columns).map(Box::new);
    let both = |op, left, right| Node::Binary(op, left, right);
    Ok(match expr {
        Expr::Nested(inner) => return node(*inner, schema, columns),
        Expr::Identifier(name) => match column(&name.value, schema) {
            Ok(name) => return Ok(found(name, columns)),
            Err(_) if name.quote_style == Some('"') => Node::Text(name.value),
            Err(why) => return Err(why),
        },
        Expr::CompoundIdentifier(names) => {
            let name = names.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
            return Ok(found(column(&name, schema)?, columns));
        }
        Expr::Value(value) => match value.value {
            Value::Number(digits, _) => Node::Number(digits.parse().map_err(|_| format!("`{digits}` is no number"))?),
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Node::Text(text),
            Value::Boolean(truth) => Node::Truth(truth),
            other => return Err(format!("`{other}` cannot be used here")),
        },
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Node::Not(one(expr)?),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            both(BinaryOperator::Minus, Box::new(Node::Number(0.0)), one(expr)?)
        }
        Expr::IsNull(inner) => Node::IsNull(one(inner)?),
        Expr::IsNotNull(inner) => Node::Not(Box::new(Node::IsNull(one(inner)?))),
        Expr::Between { expr, negated, low, high } => {
            let (left, right) = (one(expr.clone())?, one(expr)?);
            let least = both(BinaryOperator::GtEq, left, one(low)?);
            let inside =
                both(BinaryOperator::And, Box::new(least), Box::new(both(BinaryOperator::LtEq, right, one(high)?)));
            if negated { Node::Not(Box::new(inside)) } else { inside }
        }
        Expr::InList { expr, list, negated } => {
            let mut any = Node::Truth(false);
            for item in list {
                let same = both(BinaryOperator::Eq, one(expr.clone())?, one(Box::new(item))?);
                any = both(BinaryOperator::Or, Box::new(any), Box::new(same));
            }
            if negated { Node::Not(Box::new(any)) } else { any }
        }
        Expr::BinaryOp { left, op, right } => both(op, one(left)?, one(right)?),
        other => {
            return Err(format!(
                "`{other}` cannot be used here: comparisons, and, or, not, + - * /, between, in, is null"
            ));
        }
    })
}

fn found(name: String, columns: &mut Vec<String>) -> Node {
    columns.push(name.clone());
    Node::Column(name)
}

impl Node {
    fn evaluate(&self, table: &RecordBatch) -> Answer {
        let rows = table.num_rows();
        Ok(match self {
            Node::Column(name) => {
                let missing = || ArrowError::SchemaError(format!("the table has no column `{name}`"));
                let array = table.column_by_name(name).ok_or_else(missing)?;
                match array.as_any().downcast_ref::<UInt64Array>() {
                    // Counts are compared as numbers.
                    Some(counts) => {
                        let numbers: Float64Array = counts.unary(|count| count as f64);
                        Operand::Column(Arc::new(numbers))
                    }
                    None => Operand::Column(array.clone()),
                }
            }
            Node::Number(x) => Operand::Number(Scalar::new(Float64Array::from(vec![*x]))),
            Node::Text(text) => Operand::Text(Scalar::new(StringArray::from(vec![text.as_str()]))),
            Node::Truth(truth) => Operand::Truth(BooleanArray::from(vec![*truth; rows])),
            Node::Not(inner) => Operand::Truth(boolean::not(&inner.evaluate(table)?.truth()?)?),
            Node::IsNull(inner) => Operand::Truth(match inner.evaluate(table)? {
                Operand::Column(array) => boolean::is_null(&array)?,
                Operand::Truth(truth) => boolean::is_null(&truth)?,
                Operand::Number(_) | Operand::Text(_) => BooleanArray::from(vec![false; rows]),
            }),
            Node::Binary(op, left, right) => {
                let (left, right) = (left.evaluate(table)?, right.evaluate(table)?);
                binary(op, left, right, rows)?
            }
        })
    }
}

fn binary(op: &BinaryOperator, left: Operand, right: Operand, rows: usize) -> Answer {
    let truth = match op {
        BinaryOperator::And => boolean::and_kleene(&left.truth()?, &right.truth()?)?,
        BinaryOperator::Or => boolean::or_kleene(&left.truth()?, &right.truth()?)?,
        BinaryOperator::Plus => return calculated(numeric::add(left.datum(), right.datum())?, &left, &right),
        BinaryOperator::Minus => return calculated(numeric::sub(left.datum(), right.datum())?, &left, &right),
        BinaryOperator::Multiply => return calculated(numeric::mul(left.datum(), right.datum())?, &left, &right),
        BinaryOperator::Divide => return calculated(numeric::div(left.datum(), right.datum())?, &left, &right),
        _ => {
            let compare = match op {
                BinaryOperator::Eq => cmp::eq,
                BinaryOperator::NotEq => cmp::neq,
                BinaryOperator::Lt => cmp::lt,
                BinaryOperator::LtEq => cmp::lt_eq,
                BinaryOperator::Gt => cmp::gt,
                BinaryOperator::GtEq => cmp::gt_eq,
                other => return Err(ArrowError::InvalidArgumentError(format!("`{other}` cannot be used here"))),
            };
            let same = left.is_text() == right.is_text();
            if !same {
                return Err(ArrowError::InvalidArgumentError("a text is compared with a number".to_owned()));
            }
            let answer = compare(left.datum(), right.datum())?;
            // Two constants give one answer, which holds for every row.
            if answer.len() == rows { answer } else { BooleanArray::from(vec![answer.value(0); rows]) }
        }
    };
    Ok(Operand::Truth(truth))
}

fn calculated(array: ArrayRef, left: &Operand, right: &Operand) -> Answer {
    let constants = matches!((left, right), (Operand::Number(_), Operand::Number(_)));
    Ok(match array.as_any().downcast_ref::<Float64Array>() {
        Some(numbers) if constants => Operand::Number(Scalar::new(numbers.clone())),
        _ => Operand::Column(array),
    })
}

impl Operand {
    fn truth(self) -> Result<BooleanArray, ArrowError> {
        match self {
            Operand::Truth(truth) => Ok(truth),
            _ => Err(ArrowError::InvalidArgumentError("a value stands where a comparison should".to_owned())),
        }
    }

    fn datum(&self) -> &dyn Datum {
        match self {
            Operand::Column(array) => array,
            Operand::Number(scalar) => scalar,
            Operand::Text(scalar) => scalar,
            Operand::Truth(truth) => truth,
        }
    }

    fn is_text(&self) -> bool {
        match self {
            Operand::Column(array) => *array.data_type() == DataType::Utf8,
            Operand::Text(_) => true,
            Operand::Number(_) | Operand::Truth(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::Field;

    fn table() -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("gopher.words", DataType::Float64, true),
            Field::new("language.label", DataType::Utf8, true),
            Field::new("bytes", DataType::UInt64, false),
            Field::new("c4.words", DataType::Float64, true),
        ]);
        let words = Float64Array::from(vec![Some(10.0), Some(60.0), None, Some(90.0)]);
        let labels = StringArray::from(vec![Some("en"), Some("zh"), Some("en"), None]);
        let bytes = UInt64Array::from(vec![100, 200, 300, 400]);
        let more = Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]);
        let columns: Vec<ArrayRef> = vec![Arc::new(words), Arc::new(labels), Arc::new(bytes), Arc::new(more)];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    fn holds(text: &str) -> Vec<Option<bool>> {
        let table = table();
        Condition::parse(text, &table.schema()).unwrap().holds(&table).unwrap().iter().collect()
    }

    #[test]
    fn conditions_mean_what_sql_means() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(holds("gopher.words > 50"), [no, yes, None, yes]);
        assert_eq!(holds("gopher.words > 50 and label == \"zh\""), [no, yes, no, None]);
        assert_eq!(holds("not label in ('en', 'fr')"), [no, yes, no, None]);
        assert_eq!(holds("gopher.words between 10 and 60 or bytes >= 300"), [yes, yes, yes, yes]);
        assert_eq!(holds("gopher.words is null"), [no, no, yes, no]);
        assert_eq!(holds("bytes / c4.words = 100 and 2 * 3 > 5"), [yes; 4]);
        assert_eq!(holds("-c4.words < -2.5"), [no, no, yes, yes]);
        assert_eq!(holds("true"), [yes; 4]);
    }

    #[test]
    fn what_is_no_condition_says_why() {
        let refused = |text: &str| Condition::parse(text, &table().schema()).err().unwrap().to_string();
        assert!(refused("gopher.wrods > 1").contains("did you mean `gopher.words`"));
        assert!(refused("words > 1").contains("any of gopher.words, c4.words"));
        assert!(refused("label > 1").contains("text is compared with a number"));
        assert!(refused("bytes").contains("compare it"));
        assert!(refused("bytes > 1 bytes").contains("does not belong"));
        assert!(refused("bytes >").contains("in the condition"));
        assert!(refused("lower(label) = 'en'").contains("cannot be used here"));
        assert!(refused(&"(".repeat(10_000)).contains("in the condition"));
    }
}
