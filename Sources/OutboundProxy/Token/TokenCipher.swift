/// Authenticated encryption that gives the same octets for the same input (SIV, RFC 5297), as tokens need it.
///
/// What is sealed names its key, so that an implementation can accept two.
public protocol TokenCipher {
    /// Encrypts and authenticates `plaintext`, and authenticates `associatedData` along with it. The result is
    /// 17 octets longer: a key id and the synthetic IV, then the ciphertext.
    func seal(_ plaintext: [UInt8], associatedData: [UInt8]) -> [UInt8]

    /// The plaintext of what was sealed with the same associated data under a key that is accepted; nil for anything
    /// else, of any length.
    func open(_ sealed: [UInt8], associatedData: [UInt8]) -> [UInt8]?
}
