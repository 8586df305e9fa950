import NetworkTypes

/// What a media description says about ICE (RFC 8839 §5), its session's part included.
public struct ICEDescription: Hashable, Sendable {
    /// The most candidates of one media description that are looked at; the others are not missed.
    public static let maximumCandidates = 64

    /// `ice-ufrag`: nil where there is none, or none as RFC 8839 §5.4 has it.
    public internal(set) var fragment: [UInt8]?
    /// Whether there is an `ice-pwd` as RFC 8839 §5.4 has it. We sign nothing with it: only full agents send checks.
    public internal(set) var hasPassword = false
    /// Whether the agent is a lite one (RFC 8839 §5.3), which sends no checks.
    public internal(set) var isLite = false
    /// Whether candidates may come later, elsewhere (RFC 8838).
    public internal(set) var isTrickled = false
    /// Whether the agent has seen something between us change addresses (RFC 8839 §5.3).
    public internal(set) var isMismatched = false
    /// The addresses of UDP candidates for RTP.
    public internal(set) var candidates: [Candidate] = []
    var candidateLines = 0

    /// Where an agent can be reached, perhaps.
    public struct Candidate: Hashable, Sendable {
        public let address: ConnectionData.Address
        public let port: UInt16
    }

    /// Whether the agent speaks ICE at all.
    public var isOffered: Bool { fragment != nil && hasPassword }
}

// MARK: Reading

extension ICEDescription {
    /// Reads an attribute whose name begins with `ice-`; an unknown one is ignored.
    mutating func read(_ bytes: [UInt8], name: Range<Int>, value: Range<Int>) {
        if bytes.equals(name, ignoringCase: "ice-ufrag") {
            fragment = Self.isWord(bytes, value, 4...256) ? Array(bytes[value]) : nil
        } else if bytes.equals(name, ignoringCase: "ice-pwd") {
            hasPassword = Self.isWord(bytes, value, 22...256)
        } else if bytes.equals(name, ignoringCase: "ice-lite") {
            isLite = true
        } else if bytes.equals(name, ignoringCase: "ice-mismatch") {
            isMismatched = true
        } else if bytes.equals(name, ignoringCase: "ice-options") {
            readOptions(bytes, value)
        }
    }

    private mutating func readOptions(_ bytes: [UInt8], _ value: Range<Int>) {
        var words = WordScanner(value)
        while case let word = words.next(in: bytes), !word.isEmpty {
            if bytes.equals(word, ignoringCase: "trickle") { isTrickled = true }
        }
    }

    /// Reads `1 1 UDP 2130706431 192.0.2.1 8998 typ host …`; what is malformed, of another component or transport, or one
    /// too many is passed over.
    mutating func readCandidate(_ bytes: [UInt8], _ value: Range<Int>) {
        guard candidateLines < Self.maximumCandidates else { return }
        candidateLines += 1
        var words = WordScanner(value)
        _ = words.next(in: bytes)
        let component = words.next(in: bytes)
        let transport = words.next(in: bytes)
        _ = words.next(in: bytes)
        let address = words.next(in: bytes)
        guard bytes.decimal(component, as: UInt16.self) == 1, bytes.equals(transport, ignoringCase: "UDP"),
            !address.isEmpty, let address = ConnectionData.Address(bytes, address),
            let port = bytes.decimal(words.next(in: bytes), as: UInt16.self)
        else { return }
        candidates.append(Candidate(address: address, port: port))
    }

    /// ALPHA, DIGIT, `+` and `/` (RFC 8839 §5.1: ice-char).
    private static func isWord(_ bytes: [UInt8], _ value: Range<Int>, _ length: ClosedRange<Int>) -> Bool {
        length.contains(value.count)
            && bytes[value].allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "/") }
    }
}

extension MediaDescription {
    /// Whether `c=` and `m=` name no address yet, since candidates are still to come (RFC 8840 §4.1).
    public var isPlaceholder: Bool {
        ice.isOffered && connection?.address == .unspecified && (port == 9 || ice.isTrickled)
    }

    /// Whether the address of `c=` and `m=` is none of the candidates: something on the way that knows nothing of ICE has
    /// changed it, and where the agent is candidates don't tell (RFC 8839 §5.3, RFC 8445 §5.4). Names can't be compared.
    public var hasMismatch: Bool {
        guard ice.isOffered, !ice.candidates.isEmpty, !ice.isTrickled, case .ip(let ip)? = connection?.address else {
            return false
        }
        return !ice.candidates.contains { candidate in
            switch candidate.address {
            case .ip(let other): other.unmapped == ip.unmapped && candidate.port == port
            case .name, .unspecified: true
            }
        }
    }
}
