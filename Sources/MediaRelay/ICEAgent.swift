import NetworkTypes
import SRTP
import STUN

/// A lite ICE agent (RFC 8445): it sends no checks of its own, answers those that are signed with its password, and takes
/// up the pairs that they nominate.
///
/// Verified first, acted upon after (FreeSWITCH CVE-2026-116790). The tag of a check does not cover its source, so that
/// a copy sent from elsewhere would be as good as the original: the transactions that were answered are remembered, and
/// one that comes again from a source that was never answered does nothing. When there is no more room for them, sources that are not
/// known yet are refused until the peer restarts ICE.
///
/// MESSAGE-INTEGRITY alone is read: ICE has HMAC-SHA1 (RFC 8445 §7.2.2), and the other algorithm would have to be
/// agreed on (RFC 8489 §9.1).
final class ICEAgent {
    static let maximumTransactions = 16_384
    private static let maximumSources = 64

    /// One set of credentials. Those of before an ICE restart are good until the new ones are agreed on.
    private struct Generation {
        let credentials: ICECredentials
        let hash: HMACSHA1
        var peerFragment: [UInt8]?
        var transactions: Set<UInt64> = []
        /// Who was answered, the latest last.
        var sources: ContiguousArray<SocketAddress> = []
    }

    /// The newest is the last; there are at most two.
    private var generations: ContiguousArray<Generation> = []
    private var parameters: ICEParameters?
    /// How many checks of one leg are answered: more than an eager agent has candidates, and no flood.
    private var budget = TokenBucket(every: .milliseconds(20), burst: 200)
}

// MARK: Checks

extension ICEAgent {
    /// What a check, if it is one, asks for.
    struct Check {
        let message: STUNMessage
        /// The credentials that it is signed with.
        let credentials: ICECredentials
        let peerFragment: [UInt8]
    }

    /// The authentic check in the first `length` octets of `slot`; nil for anything else.
    func check(
        _ slot: inout MutableSpan<UInt8>, _ length: Int, from source: SocketAddress, at now: Instant
    ) -> Check? {
        guard let message = Self.request(slot.span, length), let username = message.username,
            let integrity = message.integrity,
            let (index, fragment) = generation(slot.span, username),
            Self.verify(&slot, integrity, generations[index].hash), mayBePeer(source),
            isNew(message.transactionID, from: source, in: index), budget.take(at: now)
        else { return nil }
        return Check(
            message: message, credentials: generations[index].credentials, peerFragment: fragment)
    }

    /// Adds the signature of an answer to `check`.
    func sign(_ writer: inout STUNWriter, _ slot: inout MutableSpan<UInt8>, _ check: Check) {
        let generation = generations.first { $0.credentials == check.credentials }
        writer.sign(in: &slot) { generation?.hash.tag(of: $0) }
    }

    private static func request(_ slot: Span<UInt8>, _ length: Int) -> STUNMessage? {
        guard let message = STUNMessage(slot.extracting(first: length), for: .connectivityCheck),
            message.kind == .request
        else { return nil }
        return message
    }

    /// The credentials that a user name is for: ours and a colon in front, the peer's fragment, as far as it is known,
    /// behind (RFC 8445 §7.3).
    private func generation(_ slot: Span<UInt8>, _ username: Range<Int>) -> (Int, [UInt8])? {
        let octets = slot.extracting(username)
        for (index, generation) in generations.enumerated() {
            let own = generation.credentials.fragment
            guard octets.count > own.count, octets.count <= own.count + 257,
                octets[own.count] == UInt8(ascii: ":"), own.indices.allSatisfy({ octets[$0] == own[$0] })
            else { continue }
            let fragment = (own.count + 1..<octets.count).map { octets[$0] }
            if generation.peerFragment.map({ $0 == fragment }) ?? true { return (index, fragment) }
        }
        return nil
    }

    /// Whether the tag is right. It was made with another length in the header, where the message had ended with it.
    private static func verify(
        _ slot: inout MutableSpan<UInt8>, _ integrity: STUNMessage.Integrity, _ hash: HMACSHA1
    ) -> Bool {
        let length = (slot[2], slot[3])
        slot[2] = UInt8(truncatingIfNeeded: integrity.length >> 8)
        slot[3] = UInt8(truncatingIfNeeded: integrity.length)
        defer { (slot[2], slot[3]) = length }
        return matches(slot.span, integrity, hash)
    }

    private static func matches(
        _ slot: Span<UInt8>, _ integrity: STUNMessage.Integrity, _ hash: HMACSHA1
    ) -> Bool {
        hash.matches(integrity.value, of: slot, text: slot.extracting(integrity.covered))
    }

    /// Sources may be forged, and media may go there: no address passes that SDP could not name.
    private func mayBePeer(_ source: SocketAddress) -> Bool {
        guard let parameters else { return false }
        return source.port != 0 && parameters.policy.objection(to: source.ip, of: parameters.side) == nil
    }

    /// Whether a transaction was not seen yet, or comes from a source that is known, and that may repeat itself.
    private func isNew(_ id: STUNTransactionID, from source: SocketAddress, in index: Int) -> Bool {
        let key = id.low ^ UInt64(id.high) << 16
        let isKnown = generations[index].sources.contains(source)
        guard generations[index].transactions.count < Self.maximumTransactions,
            generations[index].transactions.insert(key).inserted
        else { return isKnown }
        if !isKnown {
            if generations[index].sources.count == Self.maximumSources { generations[index].sources.removeFirst() }
            generations[index].sources.append(source)
        }
        return true
    }
}

// MARK: Signalling

extension ICEAgent {
    /// Takes checks with these credentials from now on, beside those that were agreed on before.
    private func expect(_ credentials: ICECredentials, _ peerFragment: [UInt8]?) {
        if let index = generations.firstIndex(where: { $0.credentials == credentials }) {
            if let peerFragment { generations[index].peerFragment = peerFragment }
            return
        }
        guard let hash = HMACSHA1(key: credentials.password) else { return }
        if generations.count == 2 { generations.remove(at: 1) }
        generations.append(Generation(credentials: credentials, hash: hash, peerFragment: peerFragment))
    }

    func prepare(_ parameters: ICEParameters) {
        expect(parameters.credentials, parameters.peerFragment)
        self.parameters = self.parameters ?? parameters
    }

    /// What was agreed on; credentials of before are history.
    func commit(_ parameters: ICEParameters) {
        expect(parameters.credentials, parameters.peerFragment)
        generations.removeAll { $0.credentials != parameters.credentials }
        self.parameters = parameters
    }
}
