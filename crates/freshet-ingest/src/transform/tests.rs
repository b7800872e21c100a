//! Every record is answered once, whatever its bytes.
