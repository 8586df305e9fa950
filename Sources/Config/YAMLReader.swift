import Yams

/// The keys of one mapping: those that this version does, and those of design.md that it does not yet.
struct KnownKeys {
    let built: [String]
    let planned: [String]

    init(_ built: [String], notBuilt planned: [String] = []) {
        self.built = built
        self.planned = planned
    }
}

/// A value with the path that names it (`media.ports`), as it came out of a mapping or a list.
struct Entry {
    let path: String
    let node: Node
}

/// Reads a YAML tree strictly and goes on after an error, so that one run tells all that is wrong.
struct YAMLReader {
    let file: String
    private(set) var errors: [ConfigurationError] = []
    private(set) var positions: [String: Position] = [:]

    /// The paths of keys that were there, or probably meant, and not taken.
    private var refused: Set<String> = []

    init(file: String) { self.file = file }

    mutating func fail(at node: Node, _ message: String) {
        errors.append(ConfigurationError(file: file, position: Position(node), message: message))
    }

    mutating func fail(at path: String, _ message: String) {
        errors.append(ConfigurationError(file: file, position: positions[path], message: message))
    }

    /// Whether the key at `path` was told to be wrong; then it isn't told to be missing as well.
    func hasRefused(_ path: String) -> Bool { refused.contains(path) }

    /// The values of a mapping by key; unknown, unbuilt, repeated and empty ones are told and left out.
    mutating func entries(of entry: Entry, keys: KnownKeys) -> [String: Entry]? {
        guard case .mapping(let mapping) = entry.node else {
            let name = entry.path.isEmpty ? "the file" : "'\(entry.path)'"
            fail(at: entry.node, "\(name) must be a mapping of keys to values, not \(entry.node.kind)")
            return nil
        }
        var found: [String: Entry] = [:]
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                fail(at: key, "a key must be a word, not \(key.kind)")
                continue
            }
            let path = Self.path(entry.path, scalar.string)
            if found[scalar.string] != nil {
                fail(at: key, "key \(scalar.string.quotedForMessage) is given twice")
            } else if accepts(key: scalar.string, at: key, in: entry.path, keys: keys),
                accepts(value: value, path: path)
            {
                found[scalar.string] = Entry(path: path, node: value)
                positions[path] = Position(value)
            }
        }
        return found
    }

    private static func path(_ parent: String, _ key: String) -> String { parent.isEmpty ? key : "\(parent).\(key)" }

    private mutating func accepts(key: String, at node: Node, in parent: String, keys: KnownKeys) -> Bool {
        if keys.built.contains(key) { return true }
        if keys.planned.contains(key) {
            fail(at: node, "'\(Self.path(parent, key))' is not built yet")
        } else if let meant = Spelling.nearest(to: key, among: keys.built + keys.planned) {
            fail(at: node, "unknown key \(key.quotedForMessage); did you mean '\(meant)'?")
            refused.insert(Self.path(parent, meant))
        } else {
            fail(at: node, "unknown key \(key.quotedForMessage); known here: \(keys.built.joined(separator: ", "))")
        }
        return false
    }

    private mutating func accepts(value: Node, path: String) -> Bool {
        guard value.isNull else { return true }
        fail(at: value, "'\(path)' has no value")
        refused.insert(path)
        return false
    }

    /// The items of a list, each with its own path; a single value counts as a list of one.
    mutating func items(of entry: Entry) -> [Entry] {
        guard case .sequence(let sequence) = entry.node else { return [entry] }
        var items: [Entry] = []
        for (index, node) in sequence.enumerated() {
            let path = "\(entry.path)[\(index)]"
            guard accepts(value: node, path: path) else { continue }
            positions[path] = Position(node)
            items.append(Entry(path: path, node: node))
        }
        return items
    }

    /// The value of one entry, or nil after telling what is wrong with it.
    mutating func value<T>(_ entry: Entry, _ read: (String) throws(ValueError) -> T) -> T? {
        guard case .scalar(let scalar) = entry.node else {
            fail(at: entry.node, "'\(entry.path)' must be a single value, not \(entry.node.kind)")
            return nil
        }
        do {
            return try read(scalar.string)
        } catch {
            fail(at: entry.node, "'\(entry.path)': \(error.message)")
            return nil
        }
    }

    /// Sets `field` from an entry that is there and right.
    mutating func set<T>(_ field: inout T, from entry: Entry?, _ read: (String) throws(ValueError) -> T) {
        guard let entry, let value = value(entry, read) else { return }
        field = value
    }

    /// Sets `field` from a list of distinct values.
    mutating func setList<T: Hashable>(
        _ field: inout [T], from entry: Entry?, atLeast least: Int = 0, _ read: (String) throws(ValueError) -> T
    ) {
        guard let entry else { return }
        let items = items(of: entry)
        var values: [T] = []
        for item in items {
            guard let value = value(item, read) else { continue }
            if values.contains(value) { fail(at: item.node, "'\(item.path)': given twice") }
            values.append(value)
        }
        if case .sequence(let sequence) = entry.node, sequence.count < least {
            fail(at: entry.node, "'\(entry.path)' must not be empty")
        }
        field = values
    }
}

extension Node {
    var kind: String {
        switch self {
        case .scalar: "a single value"
        case .mapping: "a mapping"
        case .sequence: "a list"
        case .alias: "an alias"
        }
    }

    /// A plain scalar that YAML takes for nothing.
    fileprivate var isNull: Bool {
        guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}

extension Position {
    init?(_ node: Node) {
        guard let mark = node.mark else { return nil }
        self.init(line: mark.line, column: mark.column)
    }
}
