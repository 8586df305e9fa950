import NetworkTypes

/// The domains that names of one label are looked for in: `search` and `domain` of resolv.conf(5).
public struct SearchList: Hashable, Sendable {
    let domains: [DomainName]
    /// As many domains are searched.
    static let most = 6

    /// No domain.
    public init() { domains = [] }

    /// Reads a resolv.conf file, of which the last such line counts.
    public init(_ octets: [UInt8]) {
        var found: [DomainName] = []
        for line in octets.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split { $0.isWhitespace || $0 == 13 }.map { String(decoding: $0, as: UTF8.self) }
            guard let keyword = fields.first, keyword == "search" || keyword == "domain" else { continue }
            found = fields.dropFirst().compactMap { DomainName($0) }
        }
        domains = Array(found.prefix(Self.most))
    }

    /// The names that `name` may stand for, itself last.
    func candidates(for name: DomainName) -> [DomainName] {
        if domains.isEmpty || name.text.utf8.contains(UInt8(ascii: ".")) { return [name] }
        return domains.compactMap { $0.prefixed(by: name.text) } + [name]
    }
}
