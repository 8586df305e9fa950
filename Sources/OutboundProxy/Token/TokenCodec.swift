/// Writes and reads tokens: what Contact and Record-Route values that leave us outside carry in place of what we
/// replaced.
///
/// A token is a letter for its kind and the sealed content in base64url: at most ``maximumLength`` characters that are
/// legal as a user part and as the value of a URI parameter. The cipher is deterministic, so the same content under
/// the same key is the same token on every node, and bindings do not pile up at a registrar. Content that would not
/// fit is kept in the store, and the token holds its handle.
public struct TokenCodec {
    /// The longest token, in characters.
    public static let maximumLength = 96
    /// The longest URI that a token can stand for.
    public static let maximumURILength = 4096

    /// What fits: 95 characters of base64url are 71 octets, of which 17 are the key id and the synthetic IV.
    private static let maximumContent = 54

    /// No kind of token has this letter.
    private static let handleAssociatedData: [UInt8] = [0]

    private let cipher: any TokenCipher
    private let store: any TokenStore

    public init(cipher: any TokenCipher, store: any TokenStore) {
        self.cipher = cipher
        self.store = store
    }

    /// The token of `content` in the dialog or transaction with this Call-ID (the one the inside knows). The same
    /// arguments give the same characters. Nil for a URI beyond ``maximumURILength``.
    public func token(for content: TokenContent, callID: ArraySlice<UInt8>) -> [UInt8]? {
        let kind = TokenKind(content)
        guard let plaintext = plaintext(of: content) else { return nil }
        let sealed = cipher.seal(plaintext, associatedData: kind.associatedData(callID: callID))
        var token = [kind.rawValue]
        token.reserveCapacity(Self.maximumLength)
        Base64URL.append(sealed, to: &token)
        return token
    }

    /// What `token` stands for; nil for anything that we did not write, or wrote for another Call-ID, or whose
    /// original is gone.
    public func content(of token: ArraySlice<UInt8>, callID: ArraySlice<UInt8>) -> TokenContent? {
        guard token.count <= Self.maximumLength, let first = token.first, let kind = TokenKind(rawValue: first),
            let sealed = Base64URL.decode(token.dropFirst()),
            let plaintext = cipher.open(sealed, associatedData: kind.associatedData(callID: callID))
        else { return nil }
        switch kind {
        case .registration: return uri(in: plaintext).map { .registration(uri: $0) }
        case .dialog: return uri(in: plaintext).map { .dialog(uri: $0) }
        case .route: return TokenRoute(plaintext, beyond: uri).map { .route($0) }
        case .flow: return TokenRoute(plaintext, beyond: uri).map { .flow($0) }
        case .callID: return nil
        }
    }

    /// A name for what `octets` say that nobody without the key can foresee, and that does not tell them: the letter `p`
    /// and a synthetic IV. The same octets always have the same name; nothing is kept.
    func name(of octets: [UInt8]) -> [UInt8] {
        let letter = UInt8(ascii: "p")
        var name = [letter]
        Base64URL.append(Array(cipher.seal(octets, associatedData: [letter]).prefix(1 + TokenHandle.length)), to: &name)
        return name
    }

    /// Whether the text looks like a token: cheap, for texts that mostly are none.
    static func mayBeToken(_ text: ArraySlice<UInt8>) -> Bool {
        guard let first = text.first, text.count >= minimumLength, text.count <= maximumLength else { return false }
        return first == TokenKind.registration.rawValue || first == TokenKind.dialog.rawValue
    }

    /// The letter, and the key id and synthetic IV around one octet.
    private static let minimumLength = 25

    private func plaintext(of content: TokenContent) -> [UInt8]? {
        switch content {
        case .route(let route), .flow(let route):
            let octets = route.octets
            guard !route.beyond.isEmpty else { return octets }
            guard route.beyond.count <= Self.maximumURILength else { return nil }
            let compact = CompactURI.encode(route.beyond)
            let room = Self.maximumContent - octets.count
            return octets + (compact.count <= room ? compact : CompactURI.encode(keep(route.beyond)))
        case .registration(let uri), .dialog(let uri):
            guard uri.count <= Self.maximumURILength else { return nil }
            let compact = CompactURI.encode(uri)
            return compact.count <= Self.maximumContent ? compact : CompactURI.encode(keep(uri))
        }
    }

    private func uri(in plaintext: [UInt8]) -> [UInt8]? {
        switch CompactURI.decode(plaintext) {
        case .uri(let uri): uri
        case .handle(let handle): store.original(under: handle)
        case nil: nil
        }
    }

    /// Keeps `uri` under a handle that nobody without the key can foresee, and that a second original can't have: the
    /// synthetic IV of the URI.
    private func keep(_ uri: [UInt8]) -> TokenHandle {
        let sealed = cipher.seal(uri, associatedData: Self.handleAssociatedData)
        guard let handle = TokenHandle(sealed.dropFirst().prefix(TokenHandle.length)) else {
            preconditionFailure("what is sealed is 17 octets longer than the plaintext")
        }
        store.keep(uri, under: handle)
        return handle
    }

    // MARK: Call-IDs

    func seal(callID: [UInt8]) -> [UInt8] {
        cipher.seal(callID, associatedData: TokenKind.callID.associatedData(callID: []))
    }

    func open(callID sealed: [UInt8]) -> [UInt8]? {
        cipher.open(sealed, associatedData: TokenKind.callID.associatedData(callID: []))
    }
}
