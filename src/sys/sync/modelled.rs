//! The same for tests: of the standard library, or of loom for what is made within a model.
//!
//! loom and not shuttle: it tries every order that can make a difference, not a random choice of them, and it knows what
//! the memory model allows to a relaxed load. It costs nothing to others: it is a dependency of tests alone.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{LockResult, PoisonError};
use std::time::Duration;
use std::{io, thread};

thread_local! {
    /// loom's threads are coroutines of the thread that runs the model.
    static IN_MODEL: Cell<bool> = const { Cell::new(false) };
}

/// Runs a model in every order in which its threads can run.
pub(crate) fn every_interleaving(model: impl Fn() + Sync + Send + 'static) {
    check(&loom::model::Builder::new(), model);
}

/// The same for a model with too many orders: in those in which threads are interrupted so often at most, apart from where
/// they wait. Few faults need more than two.
pub(crate) fn interrupted_up_to(times: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(times);
    check(&builder, model);
}

fn check(builder: &loom::model::Builder, model: impl Fn() + Sync + Send + 'static) {
    struct InModel;
    impl Drop for InModel {
        fn drop(&mut self) {
            IN_MODEL.set(false);
        }
    }
    IN_MODEL.set(true);
    let _in_model = InModel;
    builder.check(model);
}

/// A mutex.
#[derive(Debug)]
pub(crate) enum Mutex<T> {
    Real(std::sync::Mutex<T>),
    Model(loom::sync::Mutex<T>),
}

/// What a locked mutex gives access to.
pub(crate) enum MutexGuard<'a, T> {
    Real(std::sync::MutexGuard<'a, T>, &'a std::sync::Mutex<T>),
    Model(loom::sync::MutexGuard<'a, T>, &'a loom::sync::Mutex<T>),
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        match IN_MODEL.get() {
            false => Mutex::Real(std::sync::Mutex::new(value)),
            true => Mutex::Model(loom::sync::Mutex::new(value)),
        }
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        match self {
            Mutex::Real(mutex) => real(mutex.lock(), mutex),
            Mutex::Model(mutex) => model(mutex.lock(), mutex),
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            MutexGuard::Real(guard, _) => guard,
            MutexGuard::Model(guard, _) => guard,
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            MutexGuard::Real(guard, _) => guard,
            MutexGuard::Model(guard, _) => guard,
        }
    }
}

fn real<'a, T>(
    locked: LockResult<std::sync::MutexGuard<'a, T>>,
    mutex: &'a std::sync::Mutex<T>,
) -> LockResult<MutexGuard<'a, T>> {
    match locked {
        Ok(guard) => Ok(MutexGuard::Real(guard, mutex)),
        Err(error) => Err(PoisonError::new(MutexGuard::Real(error.into_inner(), mutex))),
    }
}

fn model<'a, T>(
    locked: LockResult<loom::sync::MutexGuard<'a, T>>,
    mutex: &'a loom::sync::Mutex<T>,
) -> LockResult<MutexGuard<'a, T>> {
    match locked {
        Ok(guard) => Ok(MutexGuard::Model(guard, mutex)),
        Err(error) => Err(PoisonError::new(MutexGuard::Model(error.into_inner(), mutex))),
    }
}

/// Ends the turn of the coroutine that runs.
#[expect(
    deprecated,
    reason = "the other way needs what only the outermost function of the coroutine has"
)]
fn give_turn_back() {
    generator::yield_with(());
}

/// A condition variable.
pub(crate) enum Condvar {
    Real(std::sync::Condvar),
    Model(loom::sync::Condvar),
}

impl Condvar {
    pub(crate) fn new() -> Condvar {
        match IN_MODEL.get() {
            false => Condvar::Real(std::sync::Condvar::new()),
            true => Condvar::Model(loom::sync::Condvar::new()),
        }
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        match (self, guard) {
            (Condvar::Real(_), MutexGuard::Real(guard, mutex)) if generator::is_generator() => {
                // A thread of the simulation: the world decides when it looks again, and whether in vain.
                drop(guard);
                give_turn_back();
                real(mutex.lock(), mutex)
            }
            (Condvar::Real(condvar), MutexGuard::Real(guard, mutex)) => {
                real(condvar.wait(guard), mutex)
            }
            (Condvar::Model(condvar), MutexGuard::Model(guard, mutex)) => {
                model(condvar.wait(guard), mutex)
            }
            _ => unreachable!("a mutex and a condition variable of one thing"),
        }
    }

    /// In a model no time passes: a wait of no time ends by itself, any other does not.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, bool)> {
        match (self, guard) {
            (Condvar::Real(condvar), MutexGuard::Real(guard, mutex)) => {
                match condvar.wait_timeout(guard, time) {
                    Ok((guard, waited)) => Ok((MutexGuard::Real(guard, mutex), waited.timed_out())),
                    Err(error) => {
                        let (guard, waited) = error.into_inner();
                        let guard = MutexGuard::Real(guard, mutex);
                        Err(PoisonError::new((guard, waited.timed_out())))
                    }
                }
            }
            (_, MutexGuard::Model(guard, mutex)) if time.is_zero() => {
                drop(guard);
                model(mutex.lock(), mutex)
                    .map(|guard| (guard, true))
                    .map_err(|error| PoisonError::new((error.into_inner(), true)))
            }
            (_, guard) => self
                .wait(guard)
                .map(|guard| (guard, false))
                .map_err(|error| PoisonError::new((error.into_inner(), false))),
        }
    }

    pub(crate) fn notify_one(&self) {
        match self {
            Condvar::Real(condvar) => condvar.notify_one(),
            Condvar::Model(condvar) => condvar.notify_one(),
        }
    }

    pub(crate) fn notify_all(&self) {
        match self {
            Condvar::Real(condvar) => condvar.notify_all(),
            Condvar::Model(condvar) => condvar.notify_all(),
        }
    }
}

/// Starts a thread.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    match IN_MODEL.get() {
        false => thread::Builder::new().name(name.to_owned()).spawn(work).map(drop),
        true => {
            loom::thread::spawn(work);
            Ok(())
        }
    }
}

macro_rules! atomic {
    ($name:ident, $number:ty) => {
        /// An atomic number.
        #[derive(Debug)]
        pub(crate) enum $name {
            Real(std::sync::atomic::$name),
            Model(loom::sync::atomic::$name),
        }

        impl $name {
            pub(crate) fn new(value: $number) -> $name {
                match IN_MODEL.get() {
                    false => $name::Real(std::sync::atomic::$name::new(value)),
                    true => $name::Model(loom::sync::atomic::$name::new(value)),
                }
            }

            #[allow(dead_code, reason = "one for all")]
            pub(crate) fn load(&self, order: Ordering) -> $number {
                match self {
                    $name::Real(atomic) => atomic.load(order),
                    $name::Model(atomic) => atomic.load(order),
                }
            }

            #[allow(dead_code, reason = "one for all")]
            pub(crate) fn fetch_add(&self, value: $number, order: Ordering) -> $number {
                match self {
                    $name::Real(atomic) => atomic.fetch_add(value, order),
                    $name::Model(atomic) => atomic.fetch_add(value, order),
                }
            }

            #[allow(dead_code, reason = "one for all")]
            pub(crate) fn fetch_sub(&self, value: $number, order: Ordering) -> $number {
                match self {
                    $name::Real(atomic) => atomic.fetch_sub(value, order),
                    $name::Model(atomic) => atomic.fetch_sub(value, order),
                }
            }
        }
    };
}

atomic!(AtomicU64, u64);
atomic!(AtomicUsize, usize);
