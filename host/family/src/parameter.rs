//! The weight tensors of a model, by name, shape and role.

/// One weight tensor of an architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in a Hugging Face checkpoint.
    pub name: String,
    /// Its shape, without the replica dimension.
    pub shape: Vec<i64>,
    /// What it is for.
    pub role: Role,
}

impl Parameter {
    /// How many numbers it has, without the replica dimension.
    pub fn numbers(&self) -> u64 {
        self.shape.iter().product::<i64>() as u64
    }
}

/// What a parameter is for, which decides how random models draw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Token or position embedding.
    Embedding,
    /// A projection with so many inputs.
    Matrix {
        /// Number of inputs of each output.
        fan_in: i64,
    },
    /// A projection that writes into the residual stream, of which there are so many.
    ResidualOutput {
        /// Number of inputs of each output.
        fan_in: i64,
        /// Number of such projections in the model (2 a layer).
        count: i64,
    },
    /// A norm's weight.
    NormWeight,
    /// A bias of a norm or projection.
    Bias,
}
