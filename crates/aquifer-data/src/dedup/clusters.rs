//! Which documents belong together: the connected components of whatever pairs a method finds.

/// For every document, in global order, its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters {
    /// The cluster's name: the index of its earliest member. A document like no other is its own.
    pub of: Vec<u32>,
    /// How many documents the cluster has.
    pub sizes: Vec<u32>,
}

impl Clusters {
    /// Every document by itself.
    pub fn alone(n: usize) -> Self {
        Groups::new(n).clusters()
    }

    /// How many documents there are.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Clusters of the documents that are together by this or by `other`, or by a chain of both.
    ///
    /// # Panics
    /// If the two are not about as many documents.
    pub fn joined(&self, other: &Clusters) -> Clusters {
        assert_eq!(self.len(), other.len(), "clusters of the same documents");
        let mut groups = Groups { parent: self.of.clone() };
        for (i, &of) in other.of.iter().enumerate() {
            groups.join(i as u32, of);
        }
        groups.clusters()
    }
}

/// Union-find in which the root is always the smallest member, so that the order of joining never shows.
pub(super) struct Groups {
    parent: Vec<u32>,
}

impl Groups {
    /// # Panics
    /// For 2³² documents or more: one run numbers them with 32 bits, as the signature files do.
    pub(super) fn new(n: usize) -> Self {
        let n = u32::try_from(n).expect("fewer than 2³² documents in one run");
        Groups { parent: (0..n).collect() }
    }

    pub(super) fn first(&mut self, mut i: u32) -> u32 {
        while self.parent[i as usize] != i {
            self.parent[i as usize] = self.parent[self.parent[i as usize] as usize];
            i = self.parent[i as usize];
        }
        i
    }

    pub(super) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.first(a), self.first(b));
        self.parent[a.max(b) as usize] = a.min(b);
    }

    pub(super) fn clusters(mut self) -> Clusters {
        let of: Vec<u32> = (0..self.parent.len() as u32).map(|i| self.first(i)).collect();
        let mut counts = vec![0; of.len()];
        of.iter().for_each(|&of| counts[of as usize] += 1);
        let sizes = of.iter().map(|&of| counts[of as usize]).collect();
        Clusters { of, sizes }
    }
}
