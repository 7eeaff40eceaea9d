//! Why a connection or a stream ends (RFC 9113 §5.4, §7).

use std::fmt;

macro_rules! error_codes {
    ($($variant:ident = $code:literal $name:literal),+ $(,)?) => {
        /// The codes that this server sends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub(crate) enum ErrorCode { $($variant = $code,)+ }

        impl fmt::Display for ErrorCode {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $(ErrorCode::$variant => $name,)+ })
            }
        }
    };
}

error_codes! {
    NoError = 0x0 "NO_ERROR",
    Protocol = 0x1 "PROTOCOL_ERROR",
    Internal = 0x2 "INTERNAL_ERROR",
    FlowControl = 0x3 "FLOW_CONTROL_ERROR",
    SettingsTimeout = 0x4 "SETTINGS_TIMEOUT",
    StreamClosed = 0x5 "STREAM_CLOSED",
    FrameSize = 0x6 "FRAME_SIZE_ERROR",
    RefusedStream = 0x7 "REFUSED_STREAM",
    Cancel = 0x8 "CANCEL",
    Compression = 0x9 "COMPRESSION_ERROR",
    EnhanceYourCalm = 0xb "ENHANCE_YOUR_CALM",
}

/// What a client has done wrong, and the error code that it gets. The function that returns one says whether that ends a
/// stream or the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub code: ErrorCode,
    /// For the log.
    pub what: &'static str,
}

impl Fault {
    /// A fault with this code.
    pub(crate) const fn new(code: ErrorCode, what: &'static str) -> Fault {
        Fault { code, what }
    }

    /// A breach of the protocol.
    pub(crate) const fn protocol(what: &'static str) -> Fault {
        Fault::new(ErrorCode::Protocol, what)
    }

    /// A frame whose length its type does not allow.
    pub(crate) const fn frame_size(what: &'static str) -> Fault {
        Fault::new(ErrorCode::FrameSize, what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.what)
    }
}
