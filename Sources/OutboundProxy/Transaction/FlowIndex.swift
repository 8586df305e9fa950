import NetworkTypes

/// The client transactions by where they send: what a transport error concerns.
///
/// Each knows its place, so that adding and removing cost the same however many share the flow.
struct FlowIndex {
    /// Those of one listener, peer and name; connections come and go underneath.
    final class Entry {
        fileprivate let key: Flow
        fileprivate(set) var clients: [ClientTransaction] = []

        fileprivate init(_ key: Flow) { self.key = key }
    }

    private var entries: [Flow: Entry] = [:]
    /// The last one used: mostly the next one, too.
    private var last: Entry?

    /// The transactions that send to the flow's peer by its listener.
    func clients(on flow: Flow) -> [ClientTransaction] { entries[Self.key(of: flow)]?.clients ?? [] }

    mutating func add(_ client: ClientTransaction) {
        let entry = entry(Self.key(of: client.flow))
        client.flowEntry = entry
        client.flowPosition = entry.clients.count
        entry.clients.append(client)
    }

    mutating func remove(_ client: ClientTransaction) {
        guard let entry = client.flowEntry, let moved = entry.clients.popLast() else { return }
        client.flowEntry = nil
        if moved !== client {
            entry.clients[client.flowPosition] = moved
            moved.flowPosition = client.flowPosition
        }
        guard entry.clients.isEmpty else { return }
        entries[entry.key] = nil
        if last === entry { last = nil }
    }

    /// Parts the transactions from their entries, which keep each other.
    func disband() {
        for entry in entries.values { entry.clients = [] }
    }

    mutating func shrink() {
        entries.shrink()
        for entry in entries.values { entry.clients = entry.clients.map { $0 } }
    }

    private mutating func entry(_ key: Flow) -> Entry {
        if let last, last.key == key { return last }
        let found = entries[key] ?? Entry(key)
        entries[key] = found
        last = found
        return found
    }

    private static func key(of flow: Flow) -> Flow { flow.withoutConnection }
}
