//! Gradients: what the result of an operation remembers, and the way back through it.
//!
//! [`Tensor::tracked`] makes a leaf. The result of an operation on tracked tensors is tracked too: it
//! keeps its operands' nodes and a function that turns its gradient into theirs. [`backward`] calls
//! these functions from the last result to the first, each once, and frees what they kept on the way.
//! An operation that has no such function panics on a tracked operand, so no gradient is lost in
//! silence.
//!
//! Fused operations fall apart when they are recorded: `linear_with` becomes a product, a bias, an
//! activation and a gated sum, so that only plain operations need a way back.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Tensor;

/// One tracked result: where its gradient goes.
pub(crate) struct Node {
    /// Greater than those of all inputs.
    id: u64,
    /// Of each operand, where it is tracked.
    inputs: Vec<Option<Arc<Node>>>,
    /// Absent in a leaf, and once a gradient has gone back through it.
    back: Mutex<Option<Back>>,
}

type Back = Box<dyn FnOnce(Tensor, &mut Flow) + Send>;

/// Takes the gradients of an operation's operands, numbered as they were recorded.
pub(crate) struct Flow<'a> {
    inputs: &'a [Option<Arc<Node>>],
    pending: &'a mut Pending,
}

/// Gradients on their way: nodes by number, last first, and what has reached them.
#[derive(Default)]
struct Pending(BTreeMap<u64, (Arc<Node>, Option<Tensor>)>);

/// The gradients of leaves.
#[derive(Default)]
pub struct Gradients(HashMap<u64, Tensor>);

impl Tensor {
    /// The same tensor as a leaf, whose gradient [`backward`] finds.
    pub fn tracked(&self) -> Self {
        self.with_node(Some(Arc::new(Node {
            id: next_id(),
            inputs: Vec::new(),
            back: Mutex::new(None),
        })))
    }

    /// The same tensor without its history.
    pub fn detached(&self) -> Self {
        self.with_node(None)
    }

    /// Whether the tensor is a leaf or the result of an operation on tracked tensors.
    pub fn is_tracked(&self) -> bool {
        self.node().is_some()
    }

    /// This result of an operation on `inputs`. Where one of them is tracked, `back` gives the
    /// function that turns the result's gradient into theirs.
    pub(crate) fn recorded<F: FnOnce(Tensor, &mut Flow) + Send + 'static>(
        self,
        inputs: &[&Self],
        back: impl FnOnce() -> F,
    ) -> Self {
        if !inputs.iter().any(|input| input.is_tracked()) {
            return self;
        }
        self.with_node(Some(Arc::new(Node {
            id: next_id(),
            inputs: inputs.iter().map(|input| input.node().cloned()).collect(),
            back: Mutex::new(Some(Box::new(back()))),
        })))
    }

    /// Refuses tracked operands of an operation that has no way back.
    #[track_caller]
    pub(crate) fn refuse_tracked(operation: &str, inputs: &[&Self]) {
        assert!(
            !inputs.iter().any(|input| input.is_tracked()),
            "{operation} has no gradient"
        );
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Flow<'_> {
    /// Adds to the gradient of operand `i`, if it is asked for.
    pub(crate) fn add(&mut self, i: usize, gradient: impl FnOnce() -> Tensor) {
        self.update(i, |before| match before {
            Some(before) => before.add(&gradient()),
            None => gradient(),
        });
    }

    /// Replaces the gradient of operand `i`, if it is asked for; `change` gets what reached it so
    /// far.
    pub(crate) fn update(&mut self, i: usize, change: impl FnOnce(Option<Tensor>) -> Tensor) {
        if let Some(node) = &self.inputs[i] {
            self.pending.update(node, change);
        }
    }
}

impl Pending {
    fn update(&mut self, node: &Arc<Node>, change: impl FnOnce(Option<Tensor>) -> Tensor) {
        let (_, gradient) = self
            .0
            .entry(node.id)
            .or_insert_with(|| (node.clone(), None));
        *gradient = Some(change(gradient.take()));
    }
}

/// Sends gradients back from `results` to the leaves that they were made of.
///
/// # Shapes
/// Each gradient has the shape of its result. That of a leaf has the leaf's shape; it is F32 for a
/// weight, a table or a bias, and the leaf's dtype otherwise.
///
/// # Panics
/// When a gradient has another shape, or one has gone back through a result before.
#[track_caller]
pub fn backward<'a>(results: impl IntoIterator<Item = (&'a Tensor, Tensor)>) -> Gradients {
    let mut pending = Pending::default();
    for (result, gradient) in results {
        assert_eq!(
            result.shape(),
            gradient.shape(),
            "a gradient has the shape of its result"
        );
        if let Some(node) = result.node() {
            pending.update(node, |before| match before {
                Some(before) => before.add(&gradient),
                None => gradient,
            });
        }
    }
    let mut leaves = Gradients::default();
    while let Some((id, (node, gradient))) = pending.0.pop_last() {
        let gradient = gradient.expect("a node waits for no less than one gradient");
        let back = node
            .back
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(back) = back {
            let inputs = &node.inputs;
            let pending = &mut pending;
            back(gradient, &mut Flow { inputs, pending });
        } else {
            let leaf = node.inputs.is_empty();
            assert!(leaf, "a gradient goes back through a result once");
            leaves.0.insert(id, gradient);
        }
    }
    leaves
}

impl Gradients {
    /// The gradient of a leaf; absent when it had no part in the results.
    ///
    /// # Panics
    /// When the tensor is not tracked.
    #[track_caller]
    pub fn of(&self, leaf: &Tensor) -> Option<&Tensor> {
        let node = leaf.node().expect("gradients are of tracked tensors");
        self.0.get(&node.id)
    }
}
