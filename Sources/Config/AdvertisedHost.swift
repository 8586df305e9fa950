public import NetworkTypes

/// What the outside is known by where that is not its own address: what 1:1 NAT makes of it, or a name.
public enum AdvertisedHost: Hashable, Sendable, CustomStringConvertible {
    case address(IPAddress)
    /// A name whose addresses change, or are not known when the file is written.
    case name(String)

    public var description: String {
        switch self {
        case .address(let ip): "\(ip)"
        case .name(let name): name
        }
    }
}

extension AdvertisedHost {
    init(_ text: String) throws(ValueError) {
        guard let ip = IPAddress(text) else {
            self = .name(try Value.domain(text))
            return
        }
        if ip.isUnspecified || ip.isMulticast { throw .wrong("\(ip) is no address that others can send to") }
        self = .address(ip.unmapped)
    }
}

extension OutsideConfiguration {
    /// The address of that family that the outside is known by, where the file says one.
    public func advertisedAddress(_ family: IPAddress.Family) -> IPAddress? {
        for case .address(let ip) in advertise where ip.family == family { return ip }
        return nil
    }

    /// The name that says what the outside is known by.
    public var advertisedName: String? {
        for case .name(let name) in advertise { return name }
        return nil
    }

    /// The families whose address that name says: those of our own addresses that no address is said for.
    public var familiesOfName: [IPAddress.Family] {
        guard advertisedName != nil else { return [] }
        return IPAddress.Family.allCases.filter { family in
            addresses.contains { $0.family == family } && advertisedAddress(family) == nil
        }
    }
}
