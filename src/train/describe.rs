//! The words of a configuration for the endpoints of a model that is trained already.

use super::config::FinetuneConfig;
use crate::model_dir::ModelConfig;

/// Why a configuration cannot describe a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// They have no endpoint in common.
    #[error("the configuration has none of the model's endpoints: {}", .0.join(", "))]
    Foreign(Vec<String>),
    /// An endpoint of that name is another one: a threshold would be in another unit.
    #[error(
        "the configuration's `{name}` is not the model's: unit, task or transform differ; correct \
         the configuration, or train the model anew"
    )]
    Another {
        /// The endpoint.
        name: String,
    },
}

/// Takes over what `config` says in words of the endpoints of `model`: title, group,
/// description, direction, threshold, range and requirement. What is not in `config` stays, and
/// so does every number. Gives how many endpoints were described.
///
/// # Errors
///
/// Where no endpoint is in both, or one of the same name is another.
pub fn describe(model: &mut ModelConfig, config: &FinetuneConfig) -> Result<usize, DescribeError> {
    let mut endpoints = model.endpoints.clone();
    let mut described = 0;
    for endpoint in &mut endpoints {
        let mut all = config.endpoints.iter();
        let Some(words) = all.find(|words| words.name == endpoint.name) else {
            continue;
        };
        let same = words.unit == endpoint.unit
            && words.task == endpoint.task
            && words.transform == endpoint.transform;
        if !same {
            let name = endpoint.name.clone();
            return Err(DescribeError::Another { name });
        }
        let quantiles = std::mem::take(&mut endpoint.quantiles);
        *endpoint = words.endpoint(endpoint.scaling);
        endpoint.quantiles = quantiles;
        described += 1;
    }
    if described == 0 {
        let names = endpoints.into_iter().map(|endpoint| endpoint.name);
        return Err(DescribeError::Foreign(names.collect()));
    }
    model.endpoints = endpoints;
    Ok(described)
}
