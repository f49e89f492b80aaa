//! `delicate mcp`: the model as tools of an assistant, by the Model Context Protocol
//! over stdin and stdout.
//!
//! Stdout holds the protocol and nothing else; what there is to say goes to stderr. A
//! tool reads no file but the index that was named at the start.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;
use delicate::predict::{Scorer, StandardForm, standardize, without_interruption};
use delicate::records::{RowError, Structure};
use delicate::screening::index::{About, Index};
use delicate::screening::{self, Aggregate, Features, Similarity, Top};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    ToolAnnotations,
};
use rmcp::service::{QuitReason, RequestContext, ServerInitializeError};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::screen::SIMILARITIES;
use super::stdio::Stdio;
use crate::cli::{DeviceLossNotice, ModelArguments, ScoringArguments, name_of};
use crate::error::CommandError;
use crate::model::{self, Asked, Task};
use crate::places::Place;

#[derive(Debug, Args)]
pub(crate) struct McpArguments {
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    compute: ScoringArguments,
    /// Library to find similar molecules in, by `delicate index`; several files are one library
    #[arg(long, value_name = "FILE", num_args = 1..)]
    index: Vec<PathBuf>,
    /// Molecules of a question, and of an answer, at most
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    max_molecules: usize,
    /// Values of an answer, molecules times endpoints, at most
    #[arg(long, value_name = "N", default_value = "2000", value_parser = at_least_one)]
    max_values: usize,
}

fn at_least_one(given: &str) -> Result<usize, String> {
    let number = given.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "it must be a whole number of at least 1".to_owned())
}

/// Why the protocol ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("stdin ended before the assistant had introduced itself (`initialize`)")]
    BeforeInitialize,
    #[error("the Model Context Protocol ended: {0}")]
    Failed(String),
}

pub(crate) fn run(arguments: &McpArguments) -> Result<(), CommandError> {
    for path in &arguments.index {
        Place::Index.check(path)?;
    }
    let device = arguments.compute.open()?;
    let scorer = model::load(&arguments.model, Task::Score, device)?;
    let scorer = arguments.compute.apply(scorer)?;
    let index = match arguments.index.as_slice() {
        [] => None,
        paths => Some(Index::open(paths)?),
    };
    let server = Server(Arc::new(Engine {
        scorer,
        similarity: Mutex::new(None),
        model: ModelArguments {
            model: arguments.model.model.clone(),
        },
        compute: arguments.compute,
        index,
        max_molecules: arguments.max_molecules,
        max_values: arguments.max_values,
    }));
    let failed = |error: &dyn std::fmt::Display| Ended::Failed(cut(&error.to_string(), MESSAGE));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    let runtime = runtime.map_err(CommandError::stdout)?;
    let served = runtime.block_on(async {
        let stdio = Stdio::open();
        let came = stdio.came();
        let running = match server.serve(stdio).await {
            Ok(running) => running,
            // Whoever says nothing asks for nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) if !came.is_something() => {
                return Ok(());
            }
            Err(ServerInitializeError::ConnectionClosed(_)) => {
                return Err(Ended::BeforeInitialize);
            }
            Err(error) => return Err(failed(&error)),
        };
        let ended = running.waiting().await.map_err(|error| failed(&error))?;
        match ended {
            QuitReason::JoinError(error) => Err(failed(&error)),
            _ => Ok(()),
        }
    });
    // What still waits for stdin must not keep the command.
    runtime.shutdown_background();
    served.map_err(|error| CommandError::other(error, 1))
}

/// What the tools compute with.
struct Engine {
    scorer: Scorer,
    /// The model of embeddings with its digest, loaded when it is first asked for.
    similarity: Mutex<Option<Arc<(Scorer, String)>>>,
    model: ModelArguments,
    compute: ScoringArguments,
    index: Option<Index>,
    max_molecules: usize,
    max_values: usize,
}

/// What a tool answers: a value, or in words why there is none.
type Answer = Result<Value, String>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointsQuestion {
    group: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreQuestion {
    #[serde(deserialize_with = "list")]
    smiles: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    endpoints: Vec<String>,
    #[serde(default)]
    keep_salts: bool,
    #[serde(default)]
    keep_charges: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplainQuestion {
    smiles: String,
    #[serde(deserialize_with = "list")]
    endpoints: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimilarQuestion {
    #[serde(deserialize_with = "list")]
    queries: Vec<String>,
    #[serde(default, deserialize_with = "some_list")]
    molecules: Option<Vec<String>>,
    #[serde(default)]
    by: Option<String>,
    /// Any value: what is wrong with it is said in words.
    #[serde(default)]
    top: Option<Value>,
}

/// A list of texts; one alone is a list of one.
fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::String(one) => Ok(vec![one]),
        other => Vec::deserialize(other).map_err(D::Error::custom),
    }
}

/// The same of what may be left out.
fn some_list<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        other => list(other).map(Some).map_err(D::Error::custom),
    }
}

/// Characters of a text of the assistant's that an answer repeats, at most.
const ECHO: usize = 200;

/// Characters of a message, at most: it may repeat what the assistant said.
const MESSAGE: usize = 2000;

/// The beginning of a text.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What the assistant said, as an answer repeats it.
pub(super) fn echo(text: &str) -> String {
    cut(text, ECHO)
}

/// Why a molecule has no values.
fn failure(error: &RowError) -> Value {
    let mut error = error.clone();
    error.message = error_words(&error.message);
    json!(error)
}

/// A message in which a text of the assistant's may stand.
fn error_words(message: &str) -> String {
    cut(message, 2 * ECHO)
}

/// Numbers to six significant digits: more is noise, and is read as meaning something.
fn rounded(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().map(|number| format!("{number:.5e}"));
            let short = short.and_then(|number| number.parse::<f64>().ok());
            if let Some(short) = short.and_then(serde_json::Number::from_f64) {
                *number = short;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(rounded),
        Value::Object(fields) => fields.values_mut().for_each(rounded),
        _ => {}
    }
}

/// What every answer says of its values.
const READING: &str = "A regression value is in its `unit`; `interval` is its 90 % prediction \
    interval in the same unit. The value of a classification endpoint is a probability and has no \
    interval. `domain` is `in`, `borderline` or `out`: how far similar molecules that were \
    measured support the value; take values that are `out` as guesses. `nearest` is the nearest training \
    molecule by the Tanimoto similarity of ECFP4, with what was `measured` for it. Predictions are \
    no measurements.";

impl Engine {
    fn endpoints(&self, question: &EndpointsQuestion) -> Answer {
        let all = &self.scorer.config().endpoints;
        let groups: Vec<&str> = all.iter().fold(Vec::new(), |mut groups, endpoint| {
            if !groups.contains(&endpoint.group.as_str()) {
                groups.push(&endpoint.group);
            }
            groups
        });
        let wanted = question.group.as_deref();
        if let Some(unknown) = wanted.filter(|wanted| !groups.contains(wanted)) {
            return Err(format!(
                "no group `{}`; there are: {}",
                echo(unknown),
                groups.join(", ")
            ));
        }
        let chosen = all
            .iter()
            .filter(|one| wanted.is_none_or(|group| one.group == group));
        let chosen = chosen.map(|endpoint| {
            let mut endpoint = endpoint.clone();
            // A hundred numbers, which say nothing of what the endpoint is.
            endpoint.quantiles.clear();
            endpoint
        });
        Ok(json!({
            "model": self.scorer.config().name,
            "groups": groups,
            "endpoints": chosen.collect::<Vec<_>>(),
            "reading": READING,
        }))
    }

    fn score(&self, question: &ScoreQuestion) -> Answer {
        let count = question.smiles.len();
        self.check_molecules(count, "smiles")?;
        let named;
        let scorer = if question.endpoints.is_empty() {
            &self.scorer
        } else {
            named = self.only(&question.endpoints)?;
            &named
        };
        let values = count * scorer.endpoints().len();
        if values > self.max_values {
            return Err(format!(
                "{count} molecules times {} endpoints are {values} values, and an answer has {} at \
                 most: name the endpoints that are needed, or ask for fewer molecules at a time",
                scorer.endpoints().len(),
                self.max_values
            ));
        }
        let has_domain = scorer.applicability().is_some();
        let options = delicate::predict::PredictOptions::default()
            .keep_salts(question.keep_salts)
            .keep_charges(question.keep_charges)
            .uncertainty(has_domain)
            .percentiles(scorer.config().reference.is_some());
        let structures = structures(&question.smiles);
        let run = scorer.predict(&structures, options, without_interruption);
        let outcomes = pollster::block_on(run);
        DeviceLossNotice::default().after(scorer);
        if let Some(stop) = outcomes.stop {
            return Err(stop.to_string());
        }
        let rows = outcomes.rows.iter().zip(&outcomes.standardizations);
        let molecules: Vec<Value> = question
            .smiles
            .iter()
            .zip(rows)
            .map(|(smiles, (row, standardization))| match row {
                Some(Ok(predictions)) => json!({
                    "smiles": echo(smiles),
                    "standardized": standardization,
                    "predictions": predictions,
                }),
                Some(Err(error)) => json!({ "smiles": echo(smiles), "error": failure(error) }),
                None => {
                    json!({ "smiles": echo(smiles), "error": { "message": "not computed" } })
                }
            })
            .collect();
        let mut answer = json!({
            "model": scorer.config().name,
            "molecules": molecules,
            "reading": READING,
        });
        if !has_domain {
            answer["warning"] =
                "this model has no applicability domain: there are no intervals".into();
        }
        Ok(answer)
    }

    fn explain(&self, question: &ExplainQuestion) -> Answer {
        if question.endpoints.is_empty() {
            return Err(
                "name the endpoints to explain; the tool `endpoints` lists them".to_owned(),
            );
        }
        let scorer = self.only(&question.endpoints)?;
        let structure = Structure::from(question.smiles.as_str());
        let explained = pollster::block_on(scorer.explain(&structure, Default::default()));
        DeviceLossNotice::default().after(&scorer);
        let explanation = explained.map_err(|error| error_words(&error.to_string()))?;
        Ok(json!({
            "model": scorer.config().name,
            "explanation": explanation,
            "reading": READING,
            "atoms": "`contributions` of an atom, one an endpoint in the order of `predictions` and \
                      in `units`, are by how much the value falls where the atom is masked; \
                      `range` is its place in `smiles`",
        }))
    }

    fn similar(&self, question: &SimilarQuestion) -> Answer {
        self.check_molecules(question.queries.len(), "queries")?;
        let by = match question.by.as_deref() {
            None => Similarity::Fused,
            // As the fingerprint is called elsewhere.
            Some("ecfp4") => Similarity::Fingerprint,
            Some(name) => SIMILARITIES
                .iter()
                .find(|(_, known, _)| *known == name)
                .map(|(by, ..)| *by)
                .ok_or_else(|| {
                    let names: Vec<&str> = SIMILARITIES.iter().map(|(_, name, _)| *name).collect();
                    let name = echo(name);
                    format!("no measure `{name}`; there are: {}", names.join(", "))
                })?,
        };
        let top = match &question.top {
            None => 10.min(self.max_molecules),
            Some(top) => whole(top)
                .filter(|top| (1..=self.max_molecules).contains(top))
                .ok_or_else(|| {
                    format!(
                        "`top` is a whole number from 1 to {}, and not {}",
                        self.max_molecules,
                        echo(&top.to_string())
                    )
                })?,
        };
        let named = structures(&question.queries);
        let mut queries = Vec::new();
        let mut query_names = Vec::new();
        let mut errors = Vec::new();
        for (smiles, features) in question.queries.iter().zip(self.features(&named, by)?) {
            match features {
                Ok(features) => {
                    queries.push(features);
                    query_names.push(echo(smiles));
                }
                Err(error) => {
                    errors.push(json!({ "smiles": echo(smiles), "error": failure(&error) }));
                }
            }
        }
        if queries.is_empty() {
            let first = errors.first().map_or_else(String::new, Value::to_string);
            return Err(format!("no query can be compared: {first}"));
        }
        let (hits, compared) = match (&question.molecules, &self.index) {
            (Some(molecules), _) => {
                self.check_molecules(molecules.len(), "molecules")?;
                let all = self.features(&structures(molecules), by)?;
                let mut best = Top::new(top);
                for (smiles, features) in molecules.iter().zip(all) {
                    match features {
                        Ok(features) => {
                            let compared = features.compare(&queries, by, Aggregate::Max);
                            let nearest = compared.map_or(0, |compared| compared.nearest);
                            let score = compared.map(|compared| compared.score);
                            best.offer(score, (smiles, nearest));
                        }
                        Err(error) => {
                            errors
                                .push(json!({ "smiles": echo(smiles), "error": failure(&error) }));
                        }
                    }
                }
                let hits = best.into_sorted().into_iter().map(|hit| {
                    let (smiles, nearest) = hit.item;
                    json!({
                        "smiles": echo(smiles),
                        "similarity": hit.score as f32,
                        "nearest_query": query_names.get(nearest),
                    })
                });
                (hits.collect::<Vec<_>>(), molecules.len() as u64)
            }
            (None, Some(index)) => self.search(index, &queries, &query_names, by, top)?,
            (None, None) => {
                return Err(
                    "name the molecules to rank: this server was started without --index"
                        .to_owned(),
                );
            }
        };
        let scale = SIMILARITIES.iter().find(|(one, ..)| *one == by);
        Ok(json!({
            "by": name_of(SIMILARITIES, &by),
            "scale": scale.map(|(.., help)| *help),
            "compared": compared,
            "hits": hits,
            "errors": errors,
        }))
    }

    /// The best of the index.
    fn search(
        &self,
        index: &Index,
        queries: &[Features],
        names: &[String],
        by: Similarity,
        top: usize,
    ) -> Result<(Vec<Value>, u64), String> {
        let about = match by.needs_embeddings() {
            true => {
                let loaded = self.similarity()?;
                About::of_model(by, &loaded.0, &loaded.1, Default::default())
            }
            false => About::new(by, None, StandardForm::Parent, Default::default()),
        };
        let words = |error: screening::index::IndexError| error.to_string();
        index.check(&about, by).map_err(words)?;
        let go_on = |_| std::ops::ControlFlow::Continue(());
        let found = index.search(queries, by, Aggregate::Max, top, go_on);
        let found = found.map_err(words)?;
        let places: Vec<u64> = found.hits.iter().map(|hit| hit.place).collect();
        let rows = index.rows_at(&places).map_err(words)?;
        let header = index.header();
        let hits = found.hits.iter().zip(rows).map(|(hit, row)| {
            let columns = header.columns.iter().cloned();
            let columns = columns.zip(row.fields.iter().map(|field| Value::from(field.as_str())));
            let form = standardize(&row, Default::default()).ok();
            json!({
                "row": hit.place + 1,
                "columns": columns.collect::<Map<_, _>>(),
                "standardized": form.map(|form| form.smiles),
                "similarity": hit.score as f32,
                "nearest_query": names.get(hit.item),
            })
        });
        Ok((hits.collect(), found.rows))
    }

    fn check_molecules(&self, count: usize, what: &str) -> Result<(), String> {
        match count {
            0 => Err(format!("`{what}` is empty: name at least one SMILES")),
            _ if count > self.max_molecules => Err(format!(
                "`{what}` has {count} molecules, and {} are taken at a time: ask in several parts, \
                 or use the command `delicate` on a file",
                self.max_molecules
            )),
            _ => Ok(()),
        }
    }

    /// The scorer for these endpoints alone.
    fn only(&self, names: &[String]) -> Result<Scorer, String> {
        // No endpoint has a name so long.
        let names: Vec<String> = names.iter().map(|name| echo(name)).collect();
        let only = self.scorer.clone().only(&names);
        only.map_err(|error| error.to_string())
    }

    /// The model of embeddings.
    fn similarity(&self) -> Result<Arc<(Scorer, String)>, String> {
        let mut loaded = match self.similarity.lock() {
            Ok(loaded) => loaded,
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(loaded) = &*loaded {
            return Ok(Arc::clone(loaded));
        }
        let words = |error: CommandError| error.to_string();
        let device = self.compute.open().map_err(words)?;
        let found = model::load_with_digest(&self.model, Task::Embed, device, Asked::Values);
        let (scorer, digest) = found.map_err(words)?;
        let scorer = self.compute.apply(scorer).map_err(words)?;
        Ok(Arc::clone(loaded.insert(Arc::new((scorer, digest)))))
    }

    /// What molecules are compared by.
    fn features(
        &self,
        molecules: &[Structure],
        by: Similarity,
    ) -> Result<Vec<Result<Features, RowError>>, String> {
        let mut embeddings = Vec::new();
        if by.needs_embeddings() {
            let loaded = self.similarity()?;
            let run = loaded
                .0
                .embed(molecules, Default::default(), without_interruption);
            let outcomes = pollster::block_on(run);
            DeviceLossNotice::default().after(&loaded.0);
            if let Some(stop) = outcomes.stop {
                return Err(stop.to_string());
            }
            embeddings = outcomes.rows;
        }
        let all = screening::features(molecules, embeddings, by, Default::default());
        let not_computed = || Err(RowError::new("not_computed", "not computed"));
        Ok(all
            .into_iter()
            .map(|one| one.unwrap_or_else(not_computed))
            .collect())
    }
}

fn structures(smiles: &[String]) -> Vec<Structure> {
    smiles
        .iter()
        .map(|one| Structure::from(one.as_str()))
        .collect()
}

/// The names of the tools.
const TOOLS: [&str; 4] = ["endpoints", "score", "explain", "similar"];

/// The tools, each with what it takes.
fn tools(engine: &Engine) -> Vec<Tool> {
    let most = engine.max_molecules;
    let list = |what: &str| {
        json!({
            "type": "array",
            "items": { "type": "string" },
            "minItems": 1,
            "maxItems": most,
            "description": what,
        })
    };
    let endpoints =
        |what: &str| json!({ "type": "array", "items": { "type": "string" }, "description": what });
    let switch = |what: &str| json!({ "type": "boolean", "default": false, "description": what });
    let library = match &engine.index {
        Some(index) => format!(
            "SMILES to rank; left out, the library of {} molecules that this server was started with",
            index.rows()
        ),
        None => "SMILES to rank".to_owned(),
    };
    let mut similar = vec!["queries"];
    if engine.index.is_none() {
        similar.push("molecules");
    }
    let measures: Vec<&str> = SIMILARITIES.iter().map(|(_, name, _)| *name).collect();
    let measured = SIMILARITIES
        .iter()
        .map(|(_, name, help)| format!("{name}: {help}"));
    let measured: Vec<String> = measured.collect();
    [
        (
            "endpoints",
            "List what the model predicts: name, title, unit, task, group, meaning of high and low \
             values, thresholds of the field",
            json!({ "group": { "type": "string", "description": "This group alone" } }),
            vec![],
        ),
        (
            "score",
            "Predict properties of molecules, each value with its unit, 90 % interval, \
             applicability domain and nearest training molecule",
            json!({
                "smiles": list("SMILES of the molecules"),
                "endpoints": endpoints("Names of the endpoints (default: all)"),
                "keep_salts": switch("Keep salts and solvents: by default the largest organic part \
                                      is scored"),
                "keep_charges": switch("Keep charges: by default they are neutralised where moving \
                                        protons can do it"),
            }),
            vec!["smiles"],
        ),
        (
            "explain",
            "Explain predictions of one molecule: what each atom contributes, and the nearest \
             training molecule",
            json!({
                "smiles": { "type": "string", "description": "SMILES of the molecule" },
                "endpoints": endpoints("Names of the endpoints to explain"),
            }),
            vec!["smiles", "endpoints"],
        ),
        (
            "similar",
            "Rank molecules by their similarity to query molecules, exactly: no molecule is left \
             out by a guess",
            json!({
                "queries": list("SMILES of the queries"),
                "molecules": list(&library),
                "by": {
                    "type": "string",
                    "enum": measures,
                    "default": "both",
                    "description": measured.join("; "),
                },
                "top": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": most,
                    "default": 10,
                    "description": "Molecules of the answer",
                },
            }),
            similar,
        ),
    ]
    .into_iter()
    .map(|(name, description, properties, required)| {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("properties".to_owned(), properties);
        schema.insert("required".to_owned(), json!(required));
        schema.insert("additionalProperties".to_owned(), false.into());
        let hints = ToolAnnotations::new().read_only(true).open_world(false);
        Tool::new(name, description, Arc::new(schema)).with_annotations(hints)
    })
    .collect()
}

/// What is served.
#[derive(Clone)]
struct Server(Arc<Engine>);

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let about = Implementation::new("delicate", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(about)
            .with_instructions(
                "Predictions of molecular properties with units, intervals and applicability \
                 domain. Ask `endpoints` for the names first, then `score` for those that are \
                 needed. Tell the user the unit, the interval and the domain with each value.",
            )
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools(&self.0)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let engine = Arc::clone(&self.0);
        let name = request.name.clone();
        let arguments = request.arguments.unwrap_or_default();
        let answer = move || -> Option<Answer> {
            Some(match &*name {
                "endpoints" => asked(arguments).and_then(|question| engine.endpoints(&question)),
                "score" => asked(arguments).and_then(|question| engine.score(&question)),
                "explain" => asked(arguments).and_then(|question| engine.explain(&question)),
                "similar" => asked(arguments).and_then(|question| engine.similar(&question)),
                _ => return None,
            })
        };
        // So that pings are answered while molecules are computed.
        let answer = tokio::task::spawn_blocking(answer).await;
        let answer = answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        let result = match answer {
            None => {
                let what = format!(
                    "no tool `{}`; there are: {}",
                    echo(&request.name),
                    TOOLS.join(", ")
                );
                return Err(ErrorData::invalid_params(what, None));
            }
            Some(Ok(mut value)) => {
                rounded(&mut value);
                CallToolResult::structured(value)
            }
            Some(Err(words)) => {
                CallToolResult::error(vec![ContentBlock::text(cut(&words, MESSAGE))])
            }
        };
        Ok(result.into())
    }
}

/// A whole number, however it is written.
fn whole(value: &Value) -> Option<usize> {
    let number = value.as_f64()?;
    // Beyond the greatest that an assistant may ask for, its exact value says nothing.
    (number.fract() == 0.0 && (0.0..=1e9).contains(&number)).then_some(number as usize)
}

/// The arguments of a tool.
fn asked<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        let error = error_words(&error.to_string());
        format!("arguments: {error}; `tools/list` says what each tool takes")
    })
}
