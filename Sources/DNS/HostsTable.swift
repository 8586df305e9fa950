import NetworkTypes

/// The names that the machine itself gives to addresses: hosts(5), and the names that need no table (RFC 6761 §6).
public struct HostsTable: Sendable {
    private var entries: [String: [IPAddress]] = [:]

    /// Only the names that need no table.
    public init() {}

    /// Reads a hosts file. Lines that make no sense are left out, and what is beyond some 100,000 names.
    public init(_ octets: [UInt8]) {
        for line in octets.split(separator: UInt8(ascii: "\n")) where entries.count < 100_000 {
            let fields = line.prefix { $0 != UInt8(ascii: "#") }.split { $0.isWhitespace || $0 == 13 }
            guard let first = fields.first, let address = IPAddress(text: first) else { continue }
            for field in fields.dropFirst() {
                guard let name = DomainName(String(decoding: field, as: UTF8.self)) else { continue }
                add(address, to: name.text)
            }
        }
    }

    private mutating func add(_ address: IPAddress, to name: String) {
        guard entries[name].map({ !$0.contains(address) && $0.count < Answer.mostRecords }) ?? true else { return }
        entries[name, default: []].append(address)
    }

    /// The addresses of both families, where the name is in the table; they are all that it has.
    ///
    /// `localhost` is this machine whatever the file says nothing about, and `invalid` is nothing (RFC 6761 §6.3, §6.4).
    func addresses(of name: DomainName) -> [IPAddress]? {
        if let found = entries[name.text] { return found }
        if name.isWithin("localhost") { return [IPAddress(v6High: 0, low: 1), IPAddress(v4: 0x7f00_0001)] }
        if name.isWithin("invalid") { return [] }
        return nil
    }
}
