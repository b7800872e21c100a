//! STS on loopback: who calls. Everyone is the same account.

/// The account of the loopback.
pub(crate) const ACCOUNT: &str = "000000000000";

/// The answer to `GetCallerIdentity`.
pub(crate) fn caller_identity() -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:user/freshet</Arn><UserId>AIDALOOPBACK</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        uuid::Uuid::new_v4()
    )
}
