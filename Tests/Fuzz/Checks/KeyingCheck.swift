import DTLS
import NetworkTypes

/// What must hold for DTLS whose datagrams are bent, lost, doubled or come in another order: neither end traps, whoever
/// is established has keys, where both are they have the same, and nobody else's certificate ever is.
///
/// The first octet says what kind of peer there is; then each datagram meets one instruction of four octets: what happens
/// to it, where, and what with.
public enum KeyingCheck {
    private static let rounds = 48
    private static let identities = (0..<2).compactMap { _ in try? DTLSIdentity() }
    private static let source = SocketAddress(IPAddress(v4: 0xc633_6442), 4_000)

    public static func run(_ input: [UInt8]) {
        guard let kind = input.first, identities.count == 2 else { return }
        // Nothing but the input, from somebody who has never heard of DTLS.
        if kind & 1 == 0 { return listen(to: input.dropFirst()) }
        let isStranger = kind & 2 != 0
        let expected = identities[isStranger ? 1 : 0].fingerprint
        guard
            let server = try? DTLSAssociation(
                server: identities[0], expecting: [expected], secret: KeyedHash(key0: 1, key1: 2)),
            let client = try? DTLSAssociation(client: identities[0], expecting: [identities[0].fingerprint])
        else { return }
        var script = input.dropFirst()
        var now = Instant(nanoseconds: 1_000_000_000)
        client.start(at: now)
        for round in 0..<rounds {
            let (from, to) = round.isMultiple(of: 2) ? (client, server) : (server, client)
            var flight: [[UInt8]] = []
            for datagram in from.takeOutput() {
                precondition(datagram.count <= DTLSAssociation.largestDatagram, "a datagram fits")
                flight += bent(datagram, Array(script.prefix(4)))
                script = script.dropFirst(4)
            }
            if kind & 4 != 0 { flight.reverse() }
            for datagram in flight { to.receive(datagram.span, from: source, at: now) }
            now = now + .milliseconds(260)
            from.handleTimeout(at: now)
        }
        for end in [client, server] {
            precondition((end.state == .established) == (end.keys != nil), "whoever is established has keys")
        }
        precondition(!isStranger || server.keys == nil, "another's certificate ends in no keys")
        guard let one = client.keys, let other = server.keys else { return }
        precondition(one.inbound == other.outbound && one.outbound == other.inbound, "both have the same keys")
    }

    private static func listen(to input: ArraySlice<UInt8>) {
        guard
            let server = try? DTLSAssociation(
                server: identities[0], expecting: [identities[0].fingerprint], secret: KeyedHash(key0: 1, key1: 2))
        else { return }
        let now = Instant(nanoseconds: 1_000_000_000)
        for datagram in input.split(separator: 0xfe, maxSplits: 8) where datagram.count <= 2_048 {
            server.receive(Array(datagram).span, from: source, at: now)
            precondition(server.takeOutput().count <= 1, "a stranger gets a word at most")
        }
        precondition(server.keys == nil, "and no keys")
    }

    private static func bent(_ datagram: [UInt8], _ order: [UInt8]) -> [[UInt8]] {
        guard order.count == 4, !datagram.isEmpty else { return [datagram] }
        let place = (Int(order[1]) << 8 | Int(order[2])) % datagram.count
        var bent = datagram
        switch order[0] % 8 {
        case 1: bent[place] ^= order[3]
        case 2: bent = Array(datagram[..<place])
        case 3: bent = Array(datagram[place...])
        case 4: return [datagram, datagram]
        case 5: bent.insert(contentsOf: [UInt8](repeating: order[3], count: Int(order[3])), at: place)
        case 6: return []
        case 7: bent[place] = order[3]
        default: break
        }
        return [bent]
    }
}
