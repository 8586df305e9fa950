import Yams

/// Turns the library's errors into ours.
enum YAMLTree {
    /// The root of the only document in `text`. Scalars stay text (`basic`): their types are for us to tell.
    static func root(of text: String, file: String) throws(ConfigurationErrors) -> Node {
        let node: Node?
        do {
            node = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw .init(self.error(for: error, in: text, file: file))
        } catch {
            throw .init(.init(file: file, message: "\(error)"))
        }
        guard let node else {
            throw .init(.init(file: file, message: "the file is empty; the smallest one names inside and outside"))
        }
        return node
    }

    private static func error(for error: YamlError, in text: String, file: String) -> ConfigurationError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let words = [context?.text, problem].compactMap { $0 }.joined(separator: ", ")
            return .init(file: file, position: Position(mark), message: "not YAML: \(words)")
        case .duplicatedKeysInMapping(let keys, let context):
            let key = keys.first ?? ""
            let position = repetition(of: key, after: context.mark, in: text)
            return .init(file: file, position: position, message: "key \(key.quotedForMessage) is given twice")
        case .reader(let problem, _, _, _): return .init(file: file, message: "not YAML: \(problem)")
        default: return .init(file: file, message: "not YAML")
        }
    }

    /// Where a key stands again after `first`: in its column where mappings are blocks, else further on in the line.
    /// The library tells only the first place; where the second can't be found, that one must do.
    private static func repetition(of key: String, after first: Mark, in text: String) -> Position {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(first.line - 1)
        for (offset, line) in lines.enumerated() {
            let scalars = Array(line.unicodeScalars)
            let isFirst = offset == 0
            let columns =
                isFirst ? (first.column..<max(first.column, scalars.count)) : (first.column - 1)..<first.column
            for start in columns where names(key, at: start, in: scalars) {
                return Position(line: first.line + offset, column: start + 1)
            }
        }
        return Position(first)
    }

    private static func names(_ key: String, at start: Int, in line: [Unicode.Scalar]) -> Bool {
        guard start >= 0, start < line.count else { return false }
        if start > 0, !" {,-\"'".unicodeScalars.contains(line[start - 1]) { return false }
        var rest = line[start...]
        if rest.first == "\"" || rest.first == "'" { rest = rest.dropFirst() }
        guard rest.starts(with: key.unicodeScalars) else { return false }
        rest = rest.dropFirst(key.unicodeScalars.count).drop { $0 == "\"" || $0 == "'" || $0 == " " }
        return rest.first == ":"
    }
}

extension Position {
    fileprivate init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}
