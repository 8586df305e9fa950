import NetworkTypes

/// Collects ``LocatedTarget``s by rising rank, each target once.
///
/// The records of one priority share a rank, and so do the addresses of one record in its first family, which also share
/// the record's weight. Its addresses of the other family come a rank later: they are for the case that the first family
/// leads nowhere. IPv6 is the first family where there are both (RFC 6724's default policy).
struct TargetList {
    /// One record of a priority group, with the addresses of its target in the order of families.
    struct Place {
        var port: UInt16
        var weight: UInt16
        var addresses: [[IPAddress]]
    }

    /// More targets than any request will try.
    static let most = 64

    private(set) var targets: [LocatedTarget] = []
    private var known: Set<Target> = []
    private var rank = 0

    /// Adds the records of one priority, whose rank is after all that are in the list.
    mutating func append(_ group: [Place], over transport: TransportProtocol) {
        let places = group.map { place in
            Place(port: place.port, weight: place.weight, addresses: place.addresses.filter { !$0.isEmpty })
        }
        let scale = Self.scale(of: places)
        for position in 0..<(places.map(\.addresses.count).max() ?? 0) {
            let before = targets.count
            for place in places where position < place.addresses.count {
                let addresses = place.addresses[position]
                let weight = Int(place.weight) * scale / addresses.count
                for address in addresses {
                    add(Target(transport, SocketAddress(address, place.port)), weight: UInt16(clamping: weight))
                }
            }
            if targets.count > before { rank += 1 }
        }
    }

    private mutating func add(_ target: Target, weight: UInt16) {
        guard targets.count < Self.most, known.insert(target).inserted else { return }
        targets.append(LocatedTarget(target, rank: rank, weight: weight))
    }

    /// Weights are parts of a sum: where one has to be shared out, all are made larger, or 1 could not be halved.
    private static func scale(of places: [Place]) -> Int {
        guard places.contains(where: { $0.weight > 0 && $0.addresses.contains { $0.count > 1 } }),
            let largest = places.map(\.weight).max(), largest > 0
        else { return 1 }
        return min(Answer.mostRecords, Int(UInt16.max) / Int(largest))
    }
}
