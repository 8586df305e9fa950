import NetworkTypes

/// Why an address is refused as a media target.
public enum ForbiddenTarget: UInt8, Hashable, Sendable, CustomStringConvertible {
    case loopback, unspecified, multicast, linkLocal, otherSide, ourOwn

    public var description: String {
        switch self {
        case .loopback: "a loopback address"
        case .unspecified: "an unspecified address"
        case .multicast: "a multicast address"
        case .linkLocal: "a link-local address"
        case .otherSide: "on the other side"
        case .ourOwn: "our own"
        }
    }
}

/// Decides which addresses a peer may name as media targets, so that nobody uses the relay as a door into a network that
/// he can't reach himself (coturn CVE-2020-26262, restund CVE-2021-21382).
struct MediaTargetPolicy: Hashable, Sendable {
    private let inside: RelaySettings.Edge
    private let outside: RelaySettings.Edge
    private let allowed: [IPNetwork]
    private let ownAddresses: Set<IPAddress>

    init(_ settings: RelaySettings) {
        (inside, outside, allowed) = (settings.inside, settings.outside, settings.allowed)
        let media = (settings.inside.addresses + settings.outside.addresses).flatMap { [$0.local, $0.advertised] }
        let former = settings.inside.formerAddresses + settings.outside.formerAddresses
        ownAddresses = Set(media + former + settings.ownAddresses)
    }

    /// Why a peer on `side` may not have media sent to `address`; nil if he may. Every IPv4 address that an IPv6 address
    /// can be read to contain counts as if it were named itself.
    func objection(to address: IPAddress, of side: Side) -> ForbiddenTarget? {
        for spelling in address.spellings {
            if let objection = objection(toSpelling: spelling, of: side) { return objection }
        }
        return nil
    }

    /// Whether `address` is one that SDP names for our own media on `side`.
    func isOwnMediaAddress(_ address: IPAddress, on side: Side) -> IPAddress? {
        let edge = edge(side)
        if edge.formerAddresses.contains(address) { return edge[address.family]?.local }
        return edge.addresses.first { $0.local == address || $0.advertised == address }?.local
    }

    private func objection(toSpelling address: IPAddress, of side: Side) -> ForbiddenTarget? {
        if allowed.contains(where: { $0.contains(address) }) { return nil }
        if address.isLoopback { return isLoopbackSide(side) ? nil : .loopback }
        if address.isUnspecified { return .unspecified }
        if address.isMulticast { return .multicast }
        if address.isLinkLocal { return .linkLocal }
        if ownAddresses.contains(address) { return .ourOwn }
        return edge(side.opposite).networks.contains { $0.contains(address) } ? .otherSide : nil
    }

    private func edge(_ side: Side) -> RelaySettings.Edge { side == .inside ? inside : outside }

    /// Whether the side is this very host, as in a test: then its loopback addresses are where its peers are.
    private func isLoopbackSide(_ side: Side) -> Bool {
        edge(side).addresses.contains { $0.local.isLoopback }
    }
}

extension IPAddress {
    /// The address, and the IPv4 addresses that it carries inside by one convention or another.
    var spellings: [IPAddress] {
        guard family == .v6 else { return [self] }
        var all = [self]
        if embedded != self { all.append(embedded) }
        let last = UInt32(truncatingIfNeeded: low)
        // IPv4-translated, ::ffff:0:a.b.c.d (RFC 2765).
        if high == 0, low >> 32 == 0xffff_0000 { all.append(IPAddress(v4: last)) }
        // The local NAT64 prefix 64:ff9b:1::/48 (RFC 8215), with the address at its end or behind 48 bits (RFC 6052):
        // where it is not, there are zeros.
        if high >> 16 == 0x0064_ff9b_0001 {
            let upper = UInt32(truncatingIfNeeded: high & 0xffff) << 16 | UInt32(truncatingIfNeeded: low >> 40 & 0xffff)
            for value in [last, upper] where value != 0 { all.append(IPAddress(v4: value)) }
        }
        // ISATAP (RFC 5214): an interface identifier of 0:5efe or 200:5efe and the address.
        if low >> 32 & 0xfdff_ffff == 0x5efe { all.append(IPAddress(v4: last)) }
        // Teredo (RFC 4380): the server's address, and the client's with its bits inverted.
        if high >> 32 == 0x2001_0000 {
            all.append(IPAddress(v4: UInt32(truncatingIfNeeded: high)))
            all.append(IPAddress(v4: ~last))
        }
        return all
    }
}
