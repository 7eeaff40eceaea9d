//! A struct of settings: each with its default beside it, and a method that sets it.

/// Declares a struct whose fields are settings. It gets its `Default`, and for each field a method of that name, so
/// that settings can be added without breaking programs that set others.
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $( $(#[$documentation:meta])* $field:ident: $type:ty = $default:expr, )*
        }
    ) => {
        $(#[$attribute])*
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$documentation])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $( $field: $default, )* }
            }
        }

        impl $name {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](#structfield.", stringify!($field), ").")]
                pub fn $field(mut self, $field: $type) -> $name {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}
